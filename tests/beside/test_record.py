"""The servers that are remembered."""

from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.record import decode_servers, encode_servers
from routerd.beside.words import ServerKey

SERVERS = (ServerKey("dnsmasq", "/a b", "/run/pid"), ServerKey("kea", "/run/kea/socket"))


def test_what_is_written_is_read() -> None:
    assert decode_servers(encode_servers(SERVERS)) == SERVERS


@given(st.binary(max_size=300))
def test_nonsense_names_no_server_or_a_path(data: bytes) -> None:
    assert all(key.kind in ("dnsmasq", "kea") and key.path.startswith("/") for key in decode_servers(data))
