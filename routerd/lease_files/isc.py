"""ISC dhcpd's lease file (dhcpd.leases): declarations, of which the last one of an address counts. Pure."""

from routerd.lease_files.found import Found, NotReadableError, address_of
from routerd.lease_files.isc_words import END, Broken, Words, moment, octets
from routerd.lease_records import BOUND, DECLINED, ENDED, LeaseRecord

NAME = "isc"
_BEGINS = ("# The format of this file", "# All times in this file", "lease ", "server-duid ", "authoring-byte-order ")
_STATES = {
    "active": BOUND,
    "abandoned": DECLINED,
    **dict.fromkeys(("expired", "released", "reset", "free", "backup"), ENDED),
}
_HARDWARE = {"ethernet": 1, "token-ring": 6, "fddi": 8, "infiniband": 32}
_NEVER = "never"

Statements = dict[str, list[str]]


def is_meant(text: str) -> bool:
    """Does the text look like such a file?"""
    return any(line.startswith(_BEGINS) for line in text[:4000].splitlines()[:20])


def parse(text: str, now: float) -> Found:
    """The leases of a file. A lease that was never anybody's is none."""
    found, words, hosts = Found(), Words(text), 0
    while True:
        line = words.skip()
        try:
            header = words.header()
            if header is None:
                break
            name, opened = header
            if name[:1] == ["lease"] and opened:
                _lease(name, words, line, found)
            else:
                hosts += name[:1] == ["host"]
                if opened:
                    words.skip_block()
        except Broken as broken:
            if broken.at_end:
                found.cut = line
                break
            found.fault(line, broken.value, broken.rule)
            words.next_lease()
    if hosts:
        found.notes.append(f"host declarations are no leases ({hosts}): write them as lan.dhcp.reservation")
    return found


def _lease(name: list[str], words: Words, line: int, found: Found) -> None:
    said: Statements = {}
    while (statement := words.statement()) is not END:
        if statement:
            key = " ".join(statement[:2]) if statement[0] == "binding" else statement[0]
            said[key] = statement[1:]
    try:
        if len(name) != 2:
            raise NotReadableError(" ".join(name), "an address is expected behind lease")
        record = _record(name[1], said, line)
    except NotReadableError as error:
        found.fault(line, error.value, error.rule)
        return
    if record is not None:
        found.add(record)
    else:
        found.remove(address_of(name[1]))


def _record(text: str, said: Statements, line: int) -> LeaseRecord | None:
    address = address_of(text)
    word = said["binding state"][1:2] if "binding state" in said else ["abandoned" if "abandoned" in said else "active"]
    state = _STATES.get(word[0]) if word else None
    if state is None:
        raise NotReadableError(" ".join(word), "a binding state is expected")
    hardware = _hardware(said)
    client = octets(said["uid"]) if said.get("uid") else hardware
    if not hardware and state == ENDED:
        return None
    if not hardware and state == BOUND:
        raise NotReadableError(text, "the lease is active but has no hardware address; routerd knows clients by it")
    if not 0 < len(client) <= 255 and state != DECLINED:
        raise NotReadableError(text, "a uid of 1 to 255 octets is expected")
    starts, ends = _time(said, "starts"), _time(said, "ends")
    if ends is None and state == BOUND and said.get("ends") != [_NEVER]:
        raise NotReadableError(text, "the lease is active but does not say when it ends")
    if state == ENDED:
        # What has ended may say that it would have lasted: it was given back.
        ends = min((each for each in (ends, starts) if each is not None), default=0.0) if ends is None else ends
    name = octets(said["client-hostname"]).decode("latin-1") if said.get("client-hostname") else None
    return LeaseRecord(address, hardware, client, name or None, state, ends, starts, line)


def _hardware(said: Statements) -> bytes:
    words = said.get("hardware")
    if not words:
        return b""
    kind = _HARDWARE.get(words[0])
    if kind is None and words[0].startswith("unknown-") and words[0][8:].isdigit():
        kind = int(words[0][8:])
    mac = octets(words[1:])
    if kind is None or kind > 255 or not 0 < len(mac) <= 16:
        raise NotReadableError(" ".join(words), "a hardware type and address are expected")
    return bytes((kind,)) + mac


def _time(said: Statements, name: str) -> float | None:
    words = said.get(name)
    return None if not words or words == [_NEVER] else moment(words)
