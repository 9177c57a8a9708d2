"""The manual page routerd(8): every command and option, from the parser of the command line. Pure."""

import re

from routerd.docs import roff
from routerd.docs.arguments import Command, Option
from routerd.docs.words import COMMAND_END, COMMAND_START, COMMANDS, SEE_ALSO

_WORD = re.compile(r"([\[\]{}|, .]+)")
_GENERAL = ("-h", "--help")


def manual(program: Command, heading: str) -> str:
    """The page. `heading` is its first line."""
    lines = [heading, *roff.section("Name"), f"routerd \\- {roff.escaped(_decapitalized(program.description))}"]
    lines += roff.section("Synopsis")
    for command in program.commands:
        lines += [".PP", _synopsis(command)] if command is not program.commands[0] else [_synopsis(command)]
    lines += [".PP", f"{roff.bold('routerd')} {roff.bold('--version')}"]
    lines += roff.parts(COMMAND_START)
    lines += roff.section("Commands")
    for command in program.commands:
        lines += _command(command, _common(program))
    lines += roff.section("Options")
    lines += roff.sentences("Most commands take these; the synopsis says which do.")
    for option in _common(program):
        lines += _option(option)
    return "\n".join(
        [*lines, *roff.parts(COMMAND_END), *roff.see_also(["routerd.toml(5)", "routerd-problems(7)", *SEE_ALSO]), ""]
    )


def _common(program: Command) -> list[Option]:
    """The options that most commands share."""
    counted = [option for command in program.commands for option in command.options]
    common = {option.flags: option for option in counted if counted.count(option) > len(program.commands) / 2}
    return list(common.values())


def _command(command: Command, common: list[Option]) -> list[str]:
    lines = roff.subsection(" ".join(command.path))
    lines += roff.sentences(_capitalized(command.description or command.help))
    more = COMMANDS.get(" ".join(command.path), "").strip("\n").splitlines()
    lines += [".PP", *roff.prose(more)] if more else []
    for operand in command.operands:
        lines += roff.entry(roff.italic(operand.metavar), roff.sentences(_capitalized(operand.help)))
    for option in command.options:
        if option not in common:
            lines += _option(option)
    for below in command.commands:
        lines += roff.entry(_synopsis(below), roff.sentences(_capitalized(below.description or below.help)))
        lines += _below(below, {*command.options, *common})
    return lines


def _below(command: Command, known: set[Option]) -> list[str]:
    """Operands of a command of a command, and options that are its own."""
    flags = {option.flags for option in known} | {_GENERAL}
    made: list[str] = []
    for operand in command.operands:
        made += roff.entry(roff.italic(operand.metavar), roff.sentences(_capitalized(operand.help)))
    for option in command.options:
        if option.flags not in flags:
            made += _option(option)
    return [".RS", *made, ".RE"] if made else []


def _option(option: Option) -> list[str]:
    value = roff.italic(option.metavar) if option.takes else ""
    if option.choices:
        value = "|".join(roff.bold(choice) for choice in option.choices)
    value = f" [{value}]" if option.takes == "maybe" else f" {value}" if value else ""
    flags = ", ".join(roff.bold(flag) for flag in option.flags)
    return roff.entry(f"{flags}{value}", roff.sentences(_capitalized(option.help)))


def _synopsis(command: Command) -> str:
    """The command with what may follow: its own words in bold, names of values in italics."""
    words = [roff.bold(word) for word in ("routerd", *command.path)]
    marked = "".join(_marked(part) for part in _WORD.split(command.usage))
    return " ".join([*words, marked]).rstrip()


def _marked(part: str) -> str:
    if not part or _WORD.fullmatch(part):
        return roff.escaped(part) if part.strip(".") else part
    is_literal = part.startswith("-") or part.islower()
    return roff.bold(part) if is_literal else roff.italic(part)


def _capitalized(text: str) -> str:
    """The text as a sentence; one that begins with the name of a program stays as it is."""
    is_name = "-" in text.partition(" ")[0]
    return f"{text[:1] if is_name else text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _decapitalized(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")
