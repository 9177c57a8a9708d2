"""What is said of a dnsmasq: which problem, of which LAN, with which mend."""

from dataclasses import replace

import pytest

from routerd.beside.dnsmasq_clients import Known
from routerd.beside.dnsmasq_conf import Conf, OwnOption, Range, StaticOption
from routerd.beside.dnsmasq_file import lines_of
from routerd.beside.dnsmasq_shown import FAILURES, Shown, status
from routerd.beside.told import Finding, Verdict
from routerd.health import ProblemTracker
from tests.beside.scene import ROUTER, VALUE, network, part

PATH = "/run/routerd/dnsmasq-options"
FAR = network("10.0.0.0/24", tag="far", own="192.168.201.0/24")
READS = Conf(option_files=[PATH])


def shown(verdict: Verdict | None = None, conf: Conf = READS, value: bytes = b"", **more: object) -> Shown:
    options = tuple(option.tags for option in conf.options)
    made = Shown(PATH, lines_of((part(network("10.0.0.0/24"), FAR),), Known(options)), conf, pid=77)
    made.findings = {} if verdict is None else {"lan0": Finding(verdict, value, ROUTER)}
    for name, given in more.items():
        setattr(made, name, given)
    return made


def texts(made: Shown) -> list[str]:
    tracker = ProblemTracker()
    tracker.update(made.problems(), 0.0)
    return [f"{report.code} {report.text} {report.mend}" for report in tracker.report(3600.0)]


def test_nothing_is_said_before_it_is_known_or_while_all_is_right() -> None:
    assert texts(shown()) == texts(shown(Verdict.RIGHT, value=VALUE)) == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (shown(Verdict.SILENT), "beside-silent lan lan0: dnsmasq (process 77) does not answer"),
        (shown(Verdict.SILENT, pid=None), "beside-not-running"),
        (shown(Verdict.WITHOUT, Conf()), f"does not read {PATH} Add to its configuration: dhcp-optsfile={PATH}"),
        (shown(Verdict.WITHOUT), "its answer has no option 121 Is dhcp-optsfile="),
        (shown(Verdict.OLD, value=VALUE), "still hands out 10.0.0.0/24 via 192.168.200.2"),
        (shown(Verdict.OLD, value=VALUE, signal_error=("no right", True)), "routerd-dnsmasq.path"),
        (shown(Verdict.OLD, value=VALUE, signal_error=("names no process", False)), "Correct `pid_file`"),
        (shown(Verdict.WITHOUT, closed="/x"), "chmod o+x /x"),
        (shown(Verdict.OTHER, value=VALUE), "beside-conflict"),
        (shown(Verdict.RIGHT, file_error=("No space left", "Free space.", False)), "beside-file"),
        (shown(Verdict.RIGHT, file_error=("not ours", "Move it.", True)), "beside-foreign-file"),
        (shown(Verdict.RIGHT, contested=True), "beside-contested"),
    ],
)
def test_problems(made: Shown, words: str) -> None:
    (text,) = texts(made)
    assert words in text


def test_a_router_that_differs() -> None:
    made = shown(Verdict.RIGHT)
    made.findings = {"lan0": replace(made.findings["lan0"], router=ROUTER + 5, serves=True)}
    assert texts(made) == []
    made.routers = {"lan0": ROUTER}
    (text,) = texts(made)
    assert "router 192.168.200.6, and so does option 121, though routerd's configuration says 192.168.200.1" in text


@pytest.mark.parametrize(
    ("tags", "whom"),
    [
        ((), ["all clients of 192.168.200.0/24", "all clients of 192.168.201.0/24"]),
        (("guests",), ["some clients of 192.168.200.0/24", "some clients of 192.168.201.0/24"]),
        (("far",), ["all clients of 192.168.201.0/24"]),
        (("lan0",), ["all clients of 192.168.200.0/24", "some clients of 192.168.201.0/24"]),
    ],
)
def test_a_conflict_names_whom_it_is_for(tags: tuple[str, ...], whom: list[str]) -> None:
    conf = Conf(options=[OwnOption(121, tags, "/etc/dnsmasq.conf:3")], option_files=[PATH])
    (text,) = texts(shown(conf=conf))
    assert f"routes to {', '.join(whom)}, and not the VPN's; they stand in option 121 at /etc/dnsmasq.conf:3" in text


def test_the_failures_are_declared_problems_of_a_lan() -> None:
    made = shown(Verdict.WITHOUT)
    assert {problem.code for problem in made.problems()} <= FAILURES
    assert status(made) == {"pid": 77, "lans": [{"lan": "lan0", "answer": "without", "told": None}]}


def test_a_withdrawal_that_is_not_heard_of_is_a_fault() -> None:
    made = shown(Verdict.OLD, value=VALUE, signal_error=("no right", True))
    made.lines = lines_of((part(network()),), Known())
    (text,) = texts(made)
    assert "beside-still-told lan lan0: clients are still told routes that have been withdrawn: it still hands" in text
    assert {problem.code for problem in made.problems()} <= FAILURES


def test_a_missing_right_is_said_while_all_is_right() -> None:
    (text,) = texts(shown(Verdict.RIGHT, value=VALUE, no_right="routerd may not"))
    assert "nobody would tell dnsmasq of a change: routerd may not Let systemd signal it" in text


def test_tags_of_other_interfaces_are_no_conflict() -> None:
    conf = Conf(options=[OwnOption(121, ("eth5",), "/etc/dnsmasq.conf:3")], option_files=[PATH])
    assert len(texts(shown(conf=conf))) == 1
    assert texts(shown(conf=conf, elsewhere=frozenset(("eth5", "lo")))) == []


def test_ranges_that_cannot_be_told_apart_are_named() -> None:
    ranges = (Range(ROUTER + 1, None, "x:1"), Range(ROUTER + 256, None, "x:2"))
    made = shown(Verdict.RIGHT)
    made.lines = lines_of((part(),), Known(ranges=ranges))
    (text,) = texts(made)
    assert "beside-range" in text
    assert "dhcp-range 192.168.201.1 (x:2)" in text


def test_a_closed_file_is_named() -> None:
    assert f"dnsmasq's user may not read {PATH} Run: chmod 644 {PATH}" in texts(shown(Verdict.WITHOUT, closed=PATH))[0]


def test_a_lan_that_is_told_other_routes_only_is_a_failure() -> None:
    own = OwnOption(121, (), "/etc/dnsmasq.conf:3")
    assert shown(conf=Conf(options=[own], option_files=[PATH])).failures() == {"lan0": "beside-conflict"}
    some = own._replace(tags=("guests",))
    assert shown(conf=Conf(options=[some], option_files=[PATH])).failures() == {}
    assert shown(Verdict.OTHER, value=VALUE).failures() == {"lan0": "beside-conflict"}
    assert shown(Verdict.RIGHT, value=VALUE).failures() == {}


def test_what_is_not_seen_is_said() -> None:
    (text,) = texts(shown(Verdict.RIGHT, value=VALUE, unseen=("conf-script=/etc/x (/c:1)",)))
    assert "beside-unseen lan lan0: not all is seen with which dnsmasq runs" in text
    assert "not seen is conf-script=/etc/x (/c:1)" in text
    assert texts(shown(unseen=("x",), pid=None)) == []
    made = shown(Verdict.RIGHT, unseen=("x",))
    made.lines = lines_of((part(network()),), Known())
    assert texts(made) == []


def test_static_routes_that_keep_ours_back_are_named() -> None:
    made = shown()
    option = StaticOption(("guests",), (), "/etc/dnsmasq.conf:4", False)
    made.lines = lines_of((part(),), Known(statics=(option,)))
    (text,) = texts(made)
    assert "to some clients of 192.168.200.0/24" in text
    assert "option 33 at /etc/dnsmasq.conf:4" in text
