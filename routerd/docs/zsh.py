"""Completion for zsh. Pure."""

from routerd.docs.arguments import FILES, INTERFACES, Command, Operand, Option

_HEAD = """\
#compdef routerd
# Completion of routerd for zsh; made by `python -m routerd.docs`.
"""
_GROUP = """\
{name}() {{
    local curcontext=$curcontext state line
    local -a commands=(
{commands}
    )
    _arguments -C \\
{options}
        '1: :->command' '*:: :->argument' && return
    case $state in
    command) _describe -t commands command commands ;;
    argument)
        curcontext=${{curcontext%:*:*}}:routerd-$line[1]:
        case $line[1] in
{cases}
        esac
        ;;
    esac
}}
"""
_SINGLE = """\
{name}() {{
    _arguments \\
{options}
}}
"""


def completion(program: Command) -> str:
    """The script, for a file `_routerd` in the shell's path of functions."""
    functions = [_function(command) for command in program.walk()]
    return "\n".join([_HEAD, *functions, '_routerd "$@"\n'])


def _name(command: Command) -> str:
    return "_".join(("_routerd", *command.path))


def _function(command: Command) -> str:
    specs = [_option(option) for option in command.options]
    if not command.commands:
        specs += [_operand(operand) for operand in command.operands]
        return _SINGLE.format(name=_name(command), options=" \\\n".join(f"        {spec}" for spec in specs))
    commands = [f"        {_quoted(f'{below.path[-1]}:{below.help}')}" for below in command.commands]
    cases = [f"        {below.path[-1]}) {_name(below)} ;;" for below in command.commands]
    return _GROUP.format(
        name=_name(command),
        commands="\n".join(commands),
        options="\n".join(f"        {spec} \\" for spec in specs),
        cases="\n".join(cases),
    )


def _option(option: Option) -> str:
    flags = option.flags
    text = option.help.replace("\\", "\\\\").replace("[", r"\[").replace("]", r"\]")
    value = ""
    if option.takes:
        colons = "::" if option.takes == "maybe" else ":"
        value = f"{colons}{_title(option.metavar)}:{_action(option.metavar, option.choices)}"
    if len(flags) == 1:
        return _quoted(f"{flags[0]}[{text}]{value}")
    return f"'({' '.join(flags)})'{{{','.join(flags)}}}{_quoted(f'[{text}]{value}')}"


def _operand(operand: Operand) -> str:
    return _quoted(f":{_title(operand.metavar)}:{_action(operand.metavar, operand.choices)}")


def _title(metavar: str) -> str:
    return metavar.strip("{}").replace(":", r"\:")


def _action(metavar: str, choices: tuple[str, ...]) -> str:
    if choices:
        return f"({' '.join(choices)})"
    return "_files" if metavar in FILES else "_net_interfaces" if metavar in INTERFACES else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
