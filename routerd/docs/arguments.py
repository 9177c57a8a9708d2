"""What the parser of the command line takes, as values: for manual pages and for completion. Pure."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

FILES = frozenset(("FILE", "DIRECTORY"))
"""Names of values that are paths."""
INTERFACES = frozenset(("LAN", "INTERFACE"))
"""Names of values that are network interfaces."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option. `takes` is "" (no value), "one", or "maybe"; `metavar` is the value's name, `choices` its words."""

    flags: tuple[str, ...]
    help: str
    takes: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operand:
    """A word that is no option."""

    metavar: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or the program itself; `path` are the words that lead to it, `usage` what follows them."""

    path: tuple[str, ...]
    help: str
    description: str
    usage: str
    options: tuple[Option, ...]
    operands: tuple[Operand, ...]
    commands: "tuple[Command, ...]" = ()

    def walk(self) -> "Iterator[Command]":
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(parser: argparse.ArgumentParser, path: tuple[str, ...] = (), text: str = "") -> Command:
    """Everything that the parser takes. `text` is the one-line help of a command."""
    options, operands, commands = [], [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            commands = [read(below, (*path, name), helps.get(name, "")) for name, below in action.choices.items()]
        elif action.help is argparse.SUPPRESS:
            continue
        elif action.option_strings:
            options.append(_option(parser, action))
        else:
            operands.append(Operand(_metavar(action), _help(parser, action), _words(action)))
    return Command(
        path, text, parser.description or "", _usage(parser), tuple(options), tuple(operands), tuple(commands)
    )


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    takes = "" if action.nargs == 0 else "maybe" if action.nargs == "?" else "one"
    metavar = _metavar(action) if takes else ""
    return Option(tuple(action.option_strings), _help(parser, action), takes, metavar, _words(action))


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "{" + ",".join(_words(action)) + "}" if action.choices else action.dest.upper()


def _words(action: argparse.Action) -> tuple[str, ...]:
    return tuple(str(choice) for choice in action.choices or ())


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {"prog": parser.prog, "default": action.default, "type": "", "choices": ""}


def _usage(parser: argparse.ArgumentParser) -> str:
    """What may follow the command's own words, on one line."""
    formatter = argparse.HelpFormatter(parser.prog, width=10_000)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    text = formatter.format_help().strip()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and not action.required:
            text = text.replace(f"{action.metavar} ...", f"[{action.metavar} ...]")
    for unwanted in ("usage: ", f"{parser.prog} ", parser.prog, "[-h] ", "[-h]"):
        text = text.removeprefix(unwanted)
    return text.strip()
