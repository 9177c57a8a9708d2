"""Completion for bash. Pure."""

from collections.abc import Iterable

from routerd.docs.arguments import FILES, INTERFACES, Command, Option

_TEXT = """\
# Completion of routerd for bash; made by `python -m routerd.docs`.
_routerd() {
    local current=${COMP_WORDS[COMP_CWORD]} path="" words="" options="" at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        # Which command it is; the value of an option is none.
        case "$path ${COMP_WORDS[at]}" in
@STEPS@
        esac
    done
    case "$path ${COMP_WORDS[COMP_CWORD - 1]}" in
@VALUES@
    esac
    case "$path" in
@WORDS@
    esac
    [[ $current != -* && -n $words ]] || words=$options
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _routerd routerd
"""
_FILES = 'compopt -o filenames 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -f -- "$current")'
_INTERFACES = 'mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net)" -- "$current")'


def completion(program: Command) -> str:
    """The script."""
    commands = list(program.walk())
    steps = [
        f'        "{_path(parent)} {child.path[-1]}") path="{_path(child)}" ;;'
        for parent in commands
        for child in parent.commands
    ]
    values: dict[str, list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.takes == "one":
                words = [f'"{_path(command)} {flag}"' for flag in option.flags]
                values.setdefault(_value(option), []).extend(words)
    steps.append(f"        {_any(word for words in values.values() for word in words)}) ((at++)) ;;")
    cases = [f"    {_any(words)})\n        {action}\n        return\n        ;;" for action, words in values.items()]
    lists = [_words(command) for command in commands]
    text = _TEXT
    for name, lines in {"STEPS": steps, "VALUES": cases, "WORDS": lists}.items():
        text = text.replace(f"@{name}@", "\n".join(lines))
    return text


def _any(words: Iterable[str]) -> str:
    return " | ".join(words)


def _path(command: Command) -> str:
    return " ".join(command.path)


def _value(option: Option) -> str:
    if option.choices:
        return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.choices)}" -- "$current")'
    if option.metavar in FILES:
        return _FILES
    return _INTERFACES if option.metavar in INTERFACES else ":"


def _words(command: Command) -> str:
    words = [below.path[-1] for below in command.commands]
    words += [choice for operand in command.operands for choice in operand.choices]
    options = [flag for option in command.options for flag in option.flags]
    return f'    "{_path(command)}") words="{" ".join(words)}" options="{" ".join(options)}" ;;'
