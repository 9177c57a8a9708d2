"""Completion, as real shells do it with the scripts that are shipped."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from routerd.cli import COMMANDS, parser
from routerd.docs import bash, fish, zsh
from routerd.docs.arguments import Command, read

PROGRAM = read(parser())
STATES = ("offered", "bound", "released", "expired", "declined")

UNIQUE = [
    ("routerd st", "status"),
    ("routerd --ver", "--version"),
    ("routerd leases rel", "release"),
    ("routerd leases --state bou", "bound"),
    ("routerd leases show --state=bou", None),
    ("routerd leases --lan list sh", "show"),
    ("routerd leases list --lan lo", "lo"),
    ("routerd status --peer leases --wa", "--watch"),
    ("routerd export wg", "wg-quick"),
    ("routerd check --sch", "--schema"),
    ("routerd run --config /etc/hostn", "/etc/hostname"),
    ("routerd run --user ro", None),
    ("routerd lab dow", "down"),
    ("routerd nonsense", None),
]
"""What was written, and the one word that its last one can become; None: nothing is offered."""

SEVERAL = [
    ("routerd ", set(COMMANDS)),
    ("routerd leases ", {"list", "show", "release", "import", "export"}),
    ("routerd leases --state ", set(STATES)),
    ("routerd leases list --state ", set(STATES)),
    ("routerd lab ", {"up", "down", "demo", "status"}),
]


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")


def commands() -> list[Command]:
    return list(PROGRAM.walk())


def wanted(line: str) -> set[str]:
    """The words that complete the last one."""
    for text, word in UNIQUE:
        if text == line:
            return set() if word is None else {word}
    return dict(SEVERAL)[line]


LINES = [line for line, _ in UNIQUE + SEVERAL if "=" not in line]


def test_bash(tmp_path: Path) -> None:
    script = tmp_path / "routerd"
    script.write_text(bash.completion(PROGRAM))
    ask = """
    set -u
    source "$1"; shift
    for line; do
        read -ra COMP_WORDS <<<"$line"
        [[ $line != *' ' ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _routerd || exit
        printf '%s\\t' "$line" "${COMPREPLY[@]}"
        echo
    done
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", ask, "bash", script, *LINES], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    found = {line: set(words) - {""} for line, *words in (row.split("\t") for row in done.stdout.splitlines())}
    assert found == {line: wanted(line) for line in LINES}


def test_fish(tmp_path: Path) -> None:
    needs("fish")
    script = tmp_path / "routerd.fish"
    script.write_text(fish.completion(PROGRAM))
    ask = 'source $argv[1]; for line in $argv[2..]; echo "= $line"; complete -C "$line"; end'
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask, script, *LINES],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
    )
    assert done.stderr == ""
    found: dict[str, set[str]] = {}
    for row in done.stdout.splitlines():
        if row.startswith("= "):
            words = found[row[2:]] = set()
        else:
            words.add(row.partition("\t")[0])
    assert found == {line: wanted(line) for line in LINES}


def test_zsh(tmp_path: Path) -> None:
    needs("zsh")
    (tmp_path / "_routerd").write_text(zsh.completion(PROGRAM))
    cases = [line for line, word in UNIQUE if line in LINES and word is not None]
    # A line editor needs a terminal. What it has completed, a widget writes to a file.
    (tmp_path / ".zshrc").write_text(f"""
        fpath=({tmp_path} $fpath)
        autoload -Uz compinit && compinit -u -D
        ask() {{
            local line
            for line in {" ".join(f'"{case}"' for case in cases)}; do
                BUFFER=$line CURSOR=$#line
                zle complete-word
                print -r -- "$BUFFER" >>{tmp_path}/completed
            done
            exit
        }}
        zle -N ask
        bindkey '^T' ask
    """)
    outer, inner = pty.openpty()
    try:
        os.write(outer, b"\x14")
        subprocess.run(
            ["zsh", "-i"],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={"ZDOTDIR": str(tmp_path), "TERM": "dumb", "PATH": os.environ["PATH"]},
            start_new_session=True,
            timeout=60,
            check=True,
        )
    finally:
        os.close(outer)
        os.close(inner)
    expected = [f"{case.rpartition(' ')[0]} {dict(UNIQUE)[case]}" for case in cases]
    assert [line.rstrip() for line in (tmp_path / "completed").read_text().splitlines()] == expected


@pytest.mark.parametrize("make", [bash.completion, zsh.completion, fish.completion], ids=["bash", "zsh", "fish"])
def test_every_command_and_option_is_known(make: object) -> None:
    assert callable(make)
    text = make(PROGRAM)
    for command in commands():
        assert not command.path or command.path[-1] in text
        for option in command.options:
            for flag in option.flags:
                assert flag in text or f"-l {flag[2:]}" in text, (command.path, flag)


def test_all_that_the_parser_takes_is_read() -> None:
    assert {command.path for command in PROGRAM.commands} == {(name,) for name in COMMANDS}
    status = next(command for command in PROGRAM.commands if command.path == ("status",))
    takes = {option.flags[-1]: option.takes for option in status.options}
    assert takes == {
        "--help": "",
        "--config": "one",
        "--json": "",
        "--peer": "one",
        "--probe": "one",
        "--peers": "",
        "--leases": "",
        "--watch": "maybe",
    }
    assert all(command.help or command.description for command in commands())
