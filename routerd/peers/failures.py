"""Why a probe failed, in words, and what to do about it: whether there was no answer or one that is no good. Pure."""

from typing import NamedTuple

from routerd.config.probes import Probing

NO_ANSWER = "no answer"
REFUSED = "connection refused: the machine is there, but nothing listens"
UNTRUSTED = "the certificate is not trusted: "
NO_TLS = "TLS failed: "
NOT_HTTP = "the answer is not HTTP"
CLOSED = "closed before it answered"
STATUS = "status "


class Told(NamedTuple):
    """What a peer does instead of answering as it should, and what to do."""

    what: str
    hint: str


def told(probing: Probing, kind: str, address: str, failure: str | None, interface: str) -> Told:
    """A failing probe of `kind` to `address`; `failure` is the reason of the last one, `interface` the VPN's."""
    service = f"{address} port {probing.port}"
    at = f"a TCP connection to {service}" if probing.scheme == "tcp" else f"GET {kind}"
    if failure == REFUSED:
        return Told(
            f"refuses {at}: the machine is there, but nothing listens at port {probing.port}",
            f"Start the service there, let it listen at {service}, or correct `probe`.",
        )
    if failure is not None and failure.startswith(STATUS):
        return Told(f"answers {at} with {failure}", f"Look at that service, or at the path; {_WANTED}")
    if failure is not None and failure.startswith(UNTRUSTED):
        return Told(
            f"answers {at} with a certificate that is not trusted: {failure.removeprefix(UNTRUSTED)}",
            f"Give the service a certificate for {probing.host} of an authority that this machine trusts.",
        )
    if failure is not None and failure.startswith(NO_TLS):
        return Told(
            f"answers {at}, but TLS fails: {failure.removeprefix(NO_TLS)}",
            "Let the service speak TLS 1.2 or later, or correct `probe` to http://.",
        )
    if failure == NOT_HTTP:
        return Told(f"answers {at} with something that is not HTTP", f"Look at what listens at {service}; {_WANTED}")
    if failure == CLOSED:
        return Told(f"closes the connection without an answer to {at}", f"Look at what listens at {service}; {_WANTED}")
    asked = f"ICMP echo to {address}" if probing.scheme == "icmp" else at
    because = f" ({failure})" if failure and probing.scheme != "icmp" else ""
    hint = f"Look at the peer's own network and its WireGuard: wg show {interface}"
    return Told(f"does not answer {asked}{because}", hint)


def is_answer(failure: str | None) -> bool:
    """Whether the peer did something, if not what it should: then it is wrong to say that it did not answer."""
    answers = (REFUSED, UNTRUSTED, NO_TLS, NOT_HTTP, CLOSED, STATUS)
    return failure is not None and failure.startswith(answers)


_WANTED = "the probe wants a status from 200 to 399."
