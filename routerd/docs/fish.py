"""Completion for fish. Pure."""

from routerd.docs.arguments import FILES, INTERFACES, Command, Option

_HEAD = """\
# Completion of routerd for fish; made by `python -m routerd.docs`.
function __routerd_at --description 'Is this the command that was written so far?'
    set -l path ''
    set -l skip no
    for word in (commandline -opc)[2..]
        if test $skip = yes
            set skip no
            continue
        end
        # The value of an option is no command.
        switch "$path $word"
{steps}
        end
    end
    test "$path" = "$argv[1]"
end
complete -c routerd -f
"""


def completion(program: Command) -> str:
    """The script."""
    commands, steps, lines = list(program.walk()), [], []
    for command in commands:
        at = _quoted(" ".join(command.path))
        for below in command.commands:
            steps.append(f"            case {_quoted(f'{_path(command)} {below.path[-1]}')}")
            steps.append(f"                set path {_quoted(_path(below))}")
            lines.append(_line(at, f"-a {below.path[-1]}", below.help))
        for operand in command.operands:
            if operand.choices:
                lines.append(_line(at, f"-a {_quoted(' '.join(operand.choices))}", operand.help))
        for option in command.options:
            if option.takes == "one":
                words = " ".join(_quoted(f"{_path(command)} {flag}") for flag in option.flags)
                steps += [f"            case {words}", "                set skip yes"]
            lines.append(_line(at, _option(option), option.help))
    return _HEAD.format(steps="\n".join(steps)) + "".join(lines)


def _path(command: Command) -> str:
    return " ".join(command.path)


def _line(at: str, words: str, text: str) -> str:
    condition = _quoted(f"__routerd_at {at}")
    return f"complete -c routerd -n {condition} {words} -d {_quoted(text)}\n"


def _option(option: Option) -> str:
    words = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    if option.takes == "one":
        words.append("-r -F" if option.metavar in FILES else "-x")
        if option.choices:
            words.append(f"-a {_quoted(' '.join(option.choices))}")
        elif option.metavar in INTERFACES:
            words.append("-a '(command ls /sys/class/net)'")
    return " ".join(words)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
