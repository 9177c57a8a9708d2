"""The page for when it does not work: it has every problem, whole, and what is committed is what is generated."""

import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

from routerd.cli import COMMANDS
from routerd.docs import markdown, problems_page
from routerd.docs.problem_examples import COMMON, OWN
from routerd.docs.problem_words import AREAS, MEANWHILE, REST
from routerd.docs.trouble_words import QUESTIONS
from routerd.problems import ERROR, REGISTRY, Declared
from tests.docs.test_manuals import TEXTS, shown

COMMITTED = Path(__file__).parents[2] / "docs/when-it-does-not-work.md"
PAGE = TEXTS["doc/routerd/when-it-does-not-work.md"]


def test_the_committed_page_is_the_one_that_is_made_of_the_problems() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == PAGE, "run: make docs"


def test_every_problem_is_in_both_pages_once_with_its_severity() -> None:
    manual = shown("routerd-problems.7")
    for code, declared in REGISTRY.items():
        severity = "as the problems that it counts" if declared.counts else declared.severity
        assert PAGE.count(f"**`{code}`** ({severity})\n") == 1
        assert len(re.findall(rf"^       {code} \({severity}\)$", manual, re.MULTILINE)) == 1


def test_every_problem_has_its_text_and_its_mend_with_values() -> None:
    entries = {entry.code: entry for _, found in problems_page.by_area(REGISTRY.values()) for entry in found}
    for code, declared in REGISTRY.items():
        values = problems_page.Examples(code)
        names = {name for part in (declared.text, declared.mend) for _, name, _, _ in Formatter().parse(part) if name}
        assert names <= values.keys(), (
            f"{code}: say in routerd/docs/problem_examples.py what {names - values.keys()} is"
        )
        entry = entries[code]
        assert not re.search(r"[{}]", entry.text.replace("{ ", "")), code
        assert entry.text.startswith(values["subject"]), code
        assert len(entry.mend) > 8, code
        assert entry.mend.endswith((".", "?")), code


def test_nothing_is_said_of_problems_that_there_are_not() -> None:
    assert OWN.keys() | MEANWHILE.keys() <= REGISTRY.keys()
    used = {name for one in REGISTRY.values() for _, name, _, _ in Formatter().parse(one.text + one.mend) if name}
    assert COMMON.keys() <= used
    for code, own in OWN.items():
        own_names = {name for _, name, _, _ in Formatter().parse(REGISTRY[code].text + REGISTRY[code].mend)}
        assert own.keys() <= own_names, code
    assert REST not in dict(problems_page.by_area(REGISTRY.values())), "give its area in routerd/docs/problem_words.py"
    assert {title for title, _ in AREAS} == dict(problems_page.by_area(REGISTRY.values())).keys()


def test_codes_and_commands_in_the_questions_exist() -> None:
    said = " ".join(" ".join(text.split()) for _, text in QUESTIONS)
    named = set(re.findall(r"`([a-z]+-[a-z-]+)`", said)) - {"via-router", "lan-only", "site-gateway"}
    # Words of programs, not codes.
    assert {name for name in named if not name.startswith("pkt4-")} <= REGISTRY.keys()
    for command in re.findall(r"`routerd ([a-z]+)", said):
        assert command in COMMANDS


def test_a_new_problem_is_in_it_before_anybody_has_written_of_it() -> None:
    new = Declared("new-trouble", ERROR, "{subject}: it {verb}", "stop it", ("netlink",), 2.0)
    ((title, (entry,)),) = problems_page.by_area([new])
    assert (title, entry.text, entry.mend) == (REST, "lan eth0: it VERB", "Stop it.")
    assert entry.more == "It is shown when it has lasted 2 s. Its cause, where one of them is shown too: `netlink`."
    assert "new-trouble" in problems_page.text([*REGISTRY.values(), new])
    ((_, (tried,)),) = problems_page.by_area([replace(new, mend="routerd tries again")])
    assert tried.mend == "routerd tries again."


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b *c* <d> [e]", r"a\_b \*c\* \<d\> \[e\]"),
        ("`a_b *c*` d_e", r"`a_b *c*` d\_e"),
        ("a # b | c", r"a \# b \| c"),
    ],
)
def test_markdown_takes_nothing_for_an_instruction(text: str, written: str) -> None:
    assert markdown.inline(text) == written


def test_paragraphs_and_items_become_markdown() -> None:
    lines = ["One", "two.", "", "  `a`  the first", "      of all", "  `b`  the second", "", "End."]
    assert markdown.prose(lines) == ["One two.", "", "- `a`: the first of all", "- `b`: the second", "", "End."]
