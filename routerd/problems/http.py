"""HTTP. Pure."""

from routerd.problems.declared import ERROR, WARNING, Declared

DECLARED = (
    Declared(
        "http-socket",
        ERROR,
        "{subject}: cannot be served: {reason}",
        "{hint}",
        patience=0.0,
    ),
    Declared(
        "http-token",
        WARNING,
        "{subject}: the token file {path} cannot be used: {reason}",
        "{hint} Until then nothing can be changed over TCP, only over the Unix socket.",
    ),
    Declared(
        "http-tls",
        ERROR,
        "{subject}: the certificate {path} cannot be used: {reason}; {now}",
        "{hint} It is looked at again within a minute, and at a reload.",
    ),
)
