"""Which media types a client accepts, and what it has already."""

import pytest

from routerd.api.negotiation import HEALTH, JSON, TEXT, choose, etag, is_known


@pytest.mark.parametrize(
    ("accept", "offered", "chosen"),
    [
        ([], JSON, JSON[0]),
        ([""], JSON, JSON[0]),
        (["*/*"], JSON, JSON[0]),
        (["application/*"], JSON, JSON[0]),
        (["APPLICATION/JSON"], JSON, JSON[0]),
        (["text/html, application/json;q=0.1"], JSON, JSON[0]),
        (["text/html", "application/json"], JSON, JSON[0]),
        (["text/html"], JSON, None),
        (["text/*"], JSON, None),
        (["application/json;q=0"], JSON, None),
        (["application/json; q=0.000, */*"], JSON, None),
        (["*/*;q=0"], JSON, None),
        (["application/*;q=0, */*"], JSON, None),
        (["application/json, */*;q=0"], JSON, JSON[0]),
        (["text/plain;version=0.0.4;q=0.5,*/*;q=0.1"], TEXT, TEXT[0]),
        (["application/json"], HEALTH, "application/json"),
        (["application/health+json"], HEALTH, "application/health+json"),
        (["*/*"], HEALTH, "application/health+json"),
        ([",;q=/,/"], JSON, JSON[0]),
    ],
)
def test_choose(accept: list[str], offered: tuple[str, ...], chosen: str | None) -> None:
    assert choose(accept, offered) == chosen


def test_tags() -> None:
    tag = etag(b"{}")
    assert tag == etag(b"{}") != etag(b"[]")
    strong = tag.removeprefix("W/")
    assert tag.startswith('W/"')
    for known in ([tag], [strong], ["*"], [f'"a", {tag}'], ['"a"', f" {tag} "]):
        assert is_known(known, tag), known
    for unknown in ([], [""], ['"a"'], [tag.upper()], [strong.strip('"')], ['W/"*"']):
        assert not is_known(unknown, tag), unknown
