"""The manual pages: whole, without a fault that a formatter finds, and the same as the program and its tables."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.cli import COMMANDS, DEFAULT_CONFIG
from routerd.config.tables import HTTP, LEASES
from routerd.docs import roff
from routerd.docs.__main__ import texts
from routerd.docs.reference import read_reference
from tests.config.test_config_files import REFERENCE, all_sections, is_repeated

DAY = "2020-01-31"
TEXTS = texts(DAY)
PAGES = {name.rpartition("/")[2]: text for name, text in TEXTS.items() if name.startswith("man/")}


def shown(page: str) -> str:
    """A page as a reader sees it, each paragraph on one line."""
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    argv = ["mandoc", "-T", "utf8", "-O", "width=990"]
    done = subprocess.run(argv, input=PAGES[page], capture_output=True, text=True, check=True, timeout=60)
    return re.sub(".\b", "", done.stdout)


@pytest.mark.parametrize(
    "formatter",
    [["mandoc", "-T", "lint"], ["groff", "-man", "-ww", "-b", "-z", "-K", "utf8", "-T", "utf8"]],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("page", PAGES)
def test_formatters_find_no_fault(page: str, formatter: list[str], tmp_path: Path) -> None:
    if shutil.which(formatter[0]) is None:
        pytest.skip(f"needs {formatter[0]}")
    path = tmp_path / page
    path.write_text(PAGES[page], encoding="ascii")
    done = subprocess.run([*formatter, path], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_configuration_has_every_key_with_its_rule_and_a_text() -> None:
    page = shown("routerd.toml.5")
    blocks = dict(re.findall(r"^   (\[\[?[a-z_.]+\]\]?)\n(.*?)(?=^   \[|^[A-Z])", page, re.MULTILINE | re.DOTALL))
    assert set(blocks) == {section.header for section in all_sections() if section.path}
    for section in all_sections():
        for key in section.keys:
            block = blocks[section.header]
            pattern = rf"^       {key.name} \((.*)\)\n(?:       [a-z_]+ \(.*\n)*              (\S.*)"
            term = re.search(pattern, block, re.MULTILINE)
            if term is None:
                assert is_repeated(section)
                assert re.search(rf"^       The keys .*\b{key.name}\b.* mean the same as in \[", block, re.MULTILINE)
                continue
            assert term[1].startswith(key.kind.name)
            assert ("; necessary" in term[1]) == key.required
            assert key.absent in term[1]
            assert len(term[2].split()) > 1, key.name


def test_the_texts_of_the_reference_are_in_it_word_for_word() -> None:
    page = " ".join(shown("routerd.toml.5").split())
    for path, said in read_reference(REFERENCE).items():
        for name, lines in said.keys.items():
            words = " ".join(" ".join(lines).replace("`", "").split())
            for sentence in re.split(r"(?<=[.]) ", words):
                is_said = sentence in page or re.match(r"(Necessary|No default|Default: .*)\.$", sentence)
                assert is_said, (path, name, sentence)


def test_the_commands_are_all_there() -> None:
    page = shown("routerd.8")
    for name in COMMANDS:
        assert re.search(rf"^       routerd {name}\b", page, re.MULTILINE)
        assert re.search(rf"^   {name}$", page, re.MULTILINE)
    for text in ("--user NAME[:GROUP]", "--watch [SECONDS]", "routerd leases release [--config FILE]", "SIGHUP"):
        assert text in page
    for title in ("SIGNALS", "EXIT STATUS", "FILES", "ENVIRONMENT", "PRIVILEGES", "EXAMPLES", "SEE ALSO"):
        assert f"\n{title}\n" in page


def test_the_paths_are_those_of_the_program() -> None:
    page = shown("routerd.8")
    defaults = {key.name: key.default for section in (HTTP, LEASES) for key in section.keys}
    for place in (DEFAULT_CONFIG, defaults["store"], defaults["listen"][1]):
        assert f"       {place.rpartition(':')[2]}\n" in page


def test_the_pages_are_the_same_every_time() -> None:
    assert texts(DAY) == TEXTS
    assert DAY in TEXTS["man/man8/routerd.8"].splitlines()[0]


def test_the_daemon_loads_nothing_of_this() -> None:
    code = "import sys, routerd.commands.run; print([name for name in sys.modules if name.startswith('routerd.docs')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


# ---------------------------------------------------------------- the language


@pytest.mark.parametrize(
    "text", [".SH X", "'x", "a\\nb", "β …", '"q" -x ^ ~ `', "\\", ".", "...", "-", "a`b`c", "`a\\b`", "`two words` x"]
)
def test_no_text_is_taken_for_an_instruction(text: str) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    page = "\n".join(['.TH X 1 2030-01-31 "x" "x"', ".SH NAME", "x \\- y", ".SH Z", *roff.sentences(text), ""])
    done = subprocess.run(["mandoc", "-T", "utf8"], input=page, capture_output=True, text=True, check=True)
    assert text.replace("`", "") in re.sub(".\b", "", done.stdout).replace("`", "")


def test_comments_become_paragraphs_and_lists() -> None:
    lines = ("Which one:", '  "a"  the first', "       of all", '  "b"', "       the second", "", "And more.")
    assert roff.prose(lines, inner=True) == [
        *("Which one:", ".RS"),
        *(".TP", "\\(dqa\\(dq", "the first of all"),
        *(".TP", "\\(dqb\\(dq", "the second"),
        *(".RE", ".IP", "And more."),
    ]


def test_the_reference_is_read_as_it_is_written() -> None:
    said = read_reference(
        "# Everything.\n\n# ---------------- lan: networks, and what\n# goes with them\n# One each.\n\n[[lan]]\n"
        '# The name. Necessary.\nname = "a"\n\n# Both.\n#first = 1\n#second = 2\n\nlonely = 3\n\n'
        '# Another one:\n#[[lan]]\n#name = "b"\n\n# Only as an example.\n#[lan.part]\n#key = 1\n'
    )
    assert said["lan"].text == ("One each.",)
    assert said["lan"].keys == {"name": ("The name. Necessary.",), "first": ("Both.",), "second": ("Both.",)}
    assert said["lan"].examples == [(("Another one:",), ["[[lan]]", 'name = "b"'])]
    assert said["lan.part"].examples == [(("Only as an example.",), ["[lan.part]", "key = 1"])]
