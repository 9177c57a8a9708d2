"""RIP. Pure."""

from routerd.problems.declared import ERROR, WARNING, Declared

DECLARED = (
    Declared(
        "rip-socket",
        ERROR,
        "{subject}: RIP{version} is not spoken: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=3.0,
    ),
    Declared(
        "rip-other-daemon",
        ERROR,
        "{subject}: RIP{version} is left to another program: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "rip-other-beside",
        WARNING,
        "{subject}: {who} on this machine has begun to speak RIP{version} here as well; routerd goes on",
        "Stop one of the two: routers cannot tell them apart. routerd export frr, or bird, prints what it would need.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "rip-key",
        ERROR,
        "{subject}: the key file {path} cannot be used: {reason}; {now}",
        "{hint} Then reload.",
    ),
    Declared(
        "rip-key-expired",
        WARNING,
        "{subject}: no RIP key may be used for sending now; key {key}, whose time is over or to come, is used",
        "Add a key whose time is now to all routers of the LAN, and reload.",
    ),
    Declared(
        "rip-authentication",
        WARNING,
        "{subject}: RIP{version} packets of {neighbours} are not believed: {reason}",
        "Give that router the same keys: id, algorithm, secret and times; see that the clocks of both are right.",
        depends_on=("rip-key", "rip-other-beside"),
    ),
    Declared(
        "rip-bad-packets",
        WARNING,
        "{subject}: {neighbours} sent RIP{version} packets or routes that break the rules: {reason}",
        "Look at that router: which version of RIP it sends, and what it announces. They are counted in /v1/status.",
    ),
    Declared(
        "rip-sequence",
        WARNING,
        "{subject}: the sequence number cannot be stored in {path}: {reason}; packets are sent all the same",
        "Free space, or mend the file system. After a crash while the clock is wrong, routers would not believe this "
        "machine for some minutes.",
    ),
    Declared(
        "rip-sequence-lost",
        WARNING,
        "{subject}: the sequence number in {path} could not be read: {reason}; numbers began with the clock's time",
        "The file is written anew. Routers that remember larger numbers do not believe this machine until they forget "
        "it (six update intervals); look at the file system, and see that the clock is right.",
    ),
    Declared(
        "rip-sequence-end",
        WARNING,
        "{subject}: the sequence number has reached its end, {number}, so every packet has this one: routers go on to "
        "believe, but would also believe a packet that somebody recorded and sends again",
        "See that the clock is right. Then stop routerd, delete {path}, give all routers of the LAN a new key, wait "
        "until they have forgotten this machine (six update intervals), and start it.",
    ),
    Declared(
        "rip-learned",
        ERROR,
        "{subject}: {what} cannot be kept: {reason}",
        "Look for another program's route to the same prefix: ip route show; routerd tries again by itself.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
)
