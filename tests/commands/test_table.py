"""Tables and wrapped text: widths, narrow paper, colours, and what could control a terminal."""

import pytest

from routerd.commands.table import Cell, Paper, clean, columns, cut, table, width_of, wrap
from routerd.commands.words import age, ago, amount, count, since, until

HEAD = columns("~NAME", ">COUNT", "~WHERE")
ROWS = [("a-name-that-is-quite-long", 12, "203.0.113.1:51821"), ("b", 3456, None)]


def test_a_table_without_end() -> None:
    assert table("Things", HEAD, ROWS, "none") == [
        "Things:",
        "  NAME                       COUNT  WHERE",
        "  a-name-that-is-quite-long     12  203.0.113.1:51821",
        "  b                           3456  -",
        "",
    ]
    assert table("Things", HEAD, [], "none") == ["Things: none", ""]


@pytest.mark.parametrize(
    ("width", "first"),
    [
        (53, "  a-name-that-is-quite-long     12  203.0.113.1:51821"),
        (50, "  a-name-that-is-quite-…     12  203.0.113.1:51821"),
        (45, "  a-name-that-is-q…     12  203.0.113.1:51821"),
        (35, "  a-name-that…     12  203.0.113.1…"),
        (34, "  a-name-that-is-quite-long     12"),
        (28, "  a-name-that-is-qui…     12"),
        (20, "  a-name-that-is-qu…"),
        (18, "  a-name-that-is-…"),
        (4, "  a…"),
        (0, "  …"),
    ],
)
def test_narrow_paper(width: int, first: str) -> None:
    lines = table("Things", HEAD, ROWS, "none", Paper(width))
    assert lines[2] == first


def test_wide_characters_take_two_columns() -> None:
    rows = [("手机 à", 1), ("phone", 2)]
    assert table("T", columns("~NAME", "N"), rows, "none") == [*("T:", "  NAME    N", "  手机 à  1", "  phone   2", "")]
    assert [cut("手机手机", width) for width in (8, 7, 6, 5, 1)] == ["手机手机", "手机手…", "手机…", "手机…", "…"]
    assert width_of("手e\u0301") == 3


def test_nothing_controls_the_terminal() -> None:
    assert clean("a\x1b[2J\r\n\x07\u202eb\ud800") == "a�[2J����b�"
    assert "\x1b" not in "".join(table("T", columns("A"), [("\x1b[31m",)], "none", Paper(80, colour=True))[2])


def test_colours_do_not_shift_columns() -> None:
    rows = [(Cell("up", "good"), "x"), (Cell("strange"), "y")]
    lines = table("T", columns("STATE", "B"), rows, "none", Paper(40, colour=True))
    assert lines == [
        "\x1b[1mT:\x1b[0m",
        "  \x1b[2mSTATE\x1b[0m    \x1b[2mB\x1b[0m",
        "  \x1b[32mup\x1b[0m       x",
        "  strange  y",
        "",
    ]


def test_wrapping() -> None:
    text = "  warning: peer gone: does not answer"
    assert wrap(text, Paper(), "    ") == [text]
    assert wrap(text, Paper(20), "    ") == ["  warning: peer", "    gone: does not", "    answer"]
    assert wrap("", Paper(20), "") == [""]
    assert wrap("a " + "x" * 30, Paper(20), "  ") == ["a", "  " + "x" * 30]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((-5, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h")),
        *((172799, "47 h"), (172800, "2 d"), (864000, "10 d")),
    ],
)
def test_ages(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_times() -> None:
    now = 1795348800.0
    assert since("2026-11-22T11:57:00.000Z", now) == "3 min"
    assert ago("2026-11-22T11:57:00Z", now) == "3 min ago"
    assert until("2026-11-22T12:57:00Z", now) == "in 57 min"
    assert until("2026-11-22T11:57:00Z", now) == "3 min ago"
    assert [since(value, now) for value in (None, "soon", 3, "")] == [None] * 4


@pytest.mark.parametrize(
    ("number", "words"),
    [
        *((None, None), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10188, "9.9 KiB"), (10240, "10 KiB")),
        *(
            (1023999, "1.0 MiB"),
            (1 << 20, "1.0 MiB"),
            (34 << 20, "34 MiB"),
            (1 << 64, "16 EiB"),
            (1 << 80, "1048576 EiB"),
        ),
    ],
)
def test_amounts(number: int | None, words: str | None) -> None:
    assert amount(number) == words


def test_counts() -> None:
    assert (count(1, "peer"), count(0, "peer"), count(2, "peer")) == ("1 peer", "0 peers", "2 peers")
