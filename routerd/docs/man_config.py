"""The manual page routerd.toml(5): every key, from the tables of keys and the comments of the reference. Pure."""

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import groupby
from operator import itemgetter

from routerd.config.schema import Key, Section
from routerd.docs import roff
from routerd.docs.reference import SectionText
from routerd.docs.words import CONFIG_END, CONFIG_START, SEE_ALSO

_NONE = SectionText()


def manual(root: Section, reference: Mapping[str, SectionText], minimal: str, heading: str) -> str:
    """The page. `heading` is its first line, `minimal` a whole file that does the work."""
    lines = [heading, *roff.section("Name"), "routerd.toml \\- the configuration of routerd"]
    lines += [*roff.section("Synopsis"), roff.italic("/etc/routerd/routerd.toml")]
    lines += roff.parts(CONFIG_START)
    lines += roff.section("Sections and keys")
    for section in _all(root):
        if section.path:
            lines += _section(section, reference.get(section.path, _NONE), _twin(section, root, reference))
    lines += roff.section("Examples")
    lines += roff.sentences("The smallest file that does the work:")
    lines += roff.example(minimal.rstrip().splitlines())
    return "\n".join(
        [*lines, *roff.parts(CONFIG_END), *roff.see_also(["routerd(8)", "routerd-problems(7)", *SEE_ALSO]), ""]
    )


def _all(section: Section) -> Iterator[Section]:
    yield section
    for part in section.sections:
        yield from _all(part)


def _section(section: Section, said: SectionText, twin: Section | None) -> list[str]:
    examples = list(said.examples)
    lines = roff.subsection(section.header)
    text = said.text
    if not text and examples and not said.keys.keys() - _keys_of(examples[0][1]):
        text = examples[0][0]
        examples[0] = ((), examples[0][1])
    lines += roff.prose(text) if text else roff.sentences(section.text)
    same = [key.name for key in section.keys if twin is not None and _has(twin, key)]
    keys = [(_text(key, said), key) for key in section.keys if key.name not in same]
    for text, together in groupby(keys, key=itemgetter(0)):
        terms = [_term(key) for _, key in together]
        lines += roff.entry("\n.TQ\n".join(terms), roff.prose(text, inner=True))
    if twin is not None:
        lines += [".PP", *roff.sentences(f"The keys {', '.join(same)} mean the same as in {twin.header}.")]
    for about, example in examples:
        lines += [".PP", *roff.prose(about)] if about else []
        lines += roff.example(example)
    return lines


def _keys_of(example: list[str]) -> set[str]:
    return {line.partition(" = ")[0] for line in example}


def _twin(section: Section, root: Section, reference: Mapping[str, SectionText]) -> Section | None:
    """Another section that the reference describes, where this one is only mentioned and has most keys from there."""
    if section.path in reference and reference[section.path].keys:
        return None
    for other in _all(root):
        shared = sum(_has(other, key) for key in section.keys)
        if other.path != section.path and reference.get(other.path, _NONE).keys and shared > len(section.keys) / 2:
            return other
    return None


def _has(section: Section, key: Key) -> bool:
    return any((own.name, own.text) == (key.name, key.text) for own in section.keys)


def _term(key: Key) -> str:
    if key.required:
        tail = "necessary"
    elif key.default is not None:
        tail = f"default: {_literal(key.default)}"
    else:
        tail = f"default: {key.absent}" if key.absent else "no default"
    return f"{roff.bold(key.name)} ({roff.escaped(key.kind.name)}; {roff.escaped(tail)})"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _text(key: Key, said: SectionText) -> tuple[str, ...]:
    """What the reference says of the key, less what its term says already; else what the table says."""
    own = said.keys.get(key.name, ())
    known = ["Necessary.", "No default.", f"Default: {key.absent}."]
    lines = tuple(reduce(lambda line, end: line.removesuffix(end).rstrip(), known, line) for line in own)
    return lines if any(lines) else (f"{key.text[0].upper()}{key.text[1:]}.",)
