"""dnsmasq's own configuration as it is written: files, directories, command lines, and what is not an option 121."""

import os
from pathlib import Path

import pytest

from routerd.beside.dnsmasq_conf import Conf, ConfDir, OwnOption, read_arguments, read_conf, read_options, tags_of
from routerd.beside.dnsmasq_conf_service import Started, options_state, read_started, with_option_files
from routerd.beside.dnsmasq_file import HEADER
from routerd.beside.dnsmasq_watch_service import Watch
from routerd.system.named_process import Process

FILE = "/etc/dnsmasq.conf"
PROCESS = Process(7, False, (7, "100", 1, 1))


def started(monkeypatch: pytest.MonkeyPatch, main: Path) -> None:
    monkeypatch.setattr("routerd.beside.dnsmasq_conf_service.look_up", lambda *_: PROCESS)
    monkeypatch.setattr("routerd.beside.dnsmasq_conf_service.arguments", lambda _: ("dnsmasq", f"--conf-file={main}"))


def whole(monkeypatch: pytest.MonkeyPatch, main: Path, own: Path) -> Started:
    started(monkeypatch, main)
    found = read_started(main.with_name("pid"))
    return found if found.conf is None else found._replace(conf=with_option_files(found.conf, own))


def conf(text: str) -> Conf:
    found = Conf()
    read_conf(text, FILE, found)
    return found


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("dhcp-option=121,10.0.0.0/8,192.168.200.9", (121, ())),
        ("dhcp-option = 249 , 10.0.0.0/8,192.168.200.9", (249, ())),
        ("dhcp-option=option:classless-static-route,10.0.0.0/8,1.2.3.4", (121, ())),
        ("dhcp-option=option:Classless-Static-Route,10.0.0.0/8,1.2.3.4", (121, ())),
        ("dhcp-option=0121,00", (121, ())),
        ("dhcp-option=tag:a,tag:!b,121,10.0.0.0/8,1.2.3.4", (121, ("a", "!b"))),
        ("dhcp-option=net:a,121,00", (121, ("a",))),
        ("dhcp-option=a,121,00", (121, ("a",))),
        ("dhcp-option-force=121,00  # why not", (121, ())),
        ('dhcp-option="121,00"', (121, ())),
        ("#dhcp-option=121,00", None),
        ("dhcp-option=3,121", None),
        ("dhcp-option=option:router,121", None),
        ("dhcp-option=vendor:MSFT,121,00", None),
        ("dhcp-option=encap:175,121,00", None),
        ("dhcp-option=option6:121,00", None),
        ("dhcp-option=\u00b2,121,00", (121, ("\u00b2",))),
        ("dhcp-option=" + "9" * 5000, None),
        ("dhcp-option", None),
        ("dhcp-option=", None),
    ],
)
def test_options(line: str, option: tuple[int, tuple[str, ...]] | None) -> None:
    found = conf(f"port=0\n{line}\n").options
    assert found == ([] if option is None else [OwnOption(*option, f"{FILE}:2")])


def test_files_and_directories() -> None:
    found = conf("conf-file=/a\nconf-dir=/b/,.bak,*.conf\ndhcp-optsfile=/c\ndhcp-optsdir=/d/\n")
    assert found.files == ["/a"]
    assert found.dirs == [ConfDir("/b", (".bak",), (".conf",))]
    assert found.reads("/c")
    assert found.reads("/d/x")
    assert not found.reads("/e")


@pytest.mark.parametrize(
    ("name", "read"),
    [("a.conf", True), ("a", False), (".a.conf", False), ("a.conf~", False), ("#a.conf#", False), ("b.bak", False)],
)
def test_names_in_a_directory(name: str, read: bool) -> None:
    assert ConfDir("/b", (".bak",), (".conf",)).has(name) is read


def test_the_command_line() -> None:
    found = Conf()
    words = "dnsmasq -x /run/pid -u nobody -7 /etc/dnsmasq.d,.bak --dhcp-option=121,00 -O 249,00 --local-service"
    assert read_arguments(words.split(), found) is False
    assert found.dirs == [ConfDir("/etc/dnsmasq.d", (".bak",))]
    assert [option.code for option in found.options] == [121, 249]
    assert read_arguments(["dnsmasq", "-C", "/x"], found) is True
    assert read_arguments(["dnsmasq", "--conf-file", "/y"], found) is True
    assert found.files == ["/x", "/y"]


def test_a_file_of_options() -> None:
    found = Conf()
    read_options("# ours?\ntag:a,121,00\n42,1.2.3.4\n", "/o", found)
    assert found.options == [OwnOption(121, ("a",), "/o:2")]
    assert tags_of(found.options * 2) == (("a",),)


def test_what_is_included_is_read_and_loops_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other, inner = tmp_path / "own", tmp_path / "other", tmp_path / "d"
    inner.mkdir()
    (inner / "a.conf").write_text(f"conf-file={tmp_path}/main\ndhcp-option=121,00\n")
    own.write_text("tag:lan0,121,00\n")
    other.write_text("249,00\n")
    main = tmp_path / "main"
    main.write_text(f"conf-dir={inner}\nconf-file={tmp_path}/missing\ndhcp-optsfile={own}\ndhcp-optsfile={other}\n")
    process, found, unseen = whole(monkeypatch, main, own)
    assert process == PROCESS
    assert unseen == (f"{tmp_path}/missing",)
    assert found is not None
    assert [option.place for option in found.options] == [f"{inner}/a.conf:2", f"{other}:1"]
    assert found.reads(str(own))


@pytest.mark.parametrize(
    ("line", "start", "tag"),
    [
        ("192.168.201.100,192.168.201.110,255.255.255.0,2m", "192.168.201.100", None),
        ("set:far, 192.168.201.100,static", "192.168.201.100", "far"),
        ("far,192.168.201.100,192.168.201.110", "192.168.201.100", "far"),
        ("tag:known,set:far,192.168.201.100,192.168.201.110", "192.168.201.100", "far"),
        ("set:six,2001:db8::2,2001:db8::500", None, None),
        ("::,constructor:lan0,ra-only", None, None),
        ("", None, None),
    ],
)
def test_ranges(line: str, start: str | None, tag: str | None) -> None:
    found = conf(f"dhcp-range={line}\n").ranges
    assert [(str(each.start), each.tag) for each in found] == ([] if start is None else [(start, tag)])


def test_nothing_there_ends_the_reading_or_makes_it_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, pipe, many = tmp_path / "main", tmp_path / "pipe", tmp_path / "many"
    os.mkfifo(pipe)
    many.mkdir()
    for number in range(400):
        (many / f"{number:03}").write_text(f"conf-dir={many}\nconf-file={main}\n")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ["/etc/dnsmasq.d\0\0\ndhcp-optsfile=/run/x\0", str(pipe), f"{tmp_path}/loop", str(many), "/proc/kmsg"]
    lines = "".join(f"{what}={name}\n" for what in ("conf-dir", "conf-file", "dhcp-optsfile") for name in names)
    main.write_text(f"dhcp-option=121,00\n{lines}")
    _, found, unseen = whole(monkeypatch, main, tmp_path / "own")
    assert str(pipe) in unseen
    assert found is not None
    assert [option.place for option in found.options] == [f"{main}:1"]
    for bad in ("/x\0", "/" + "y" * 5000, ""):
        odd = Conf(option_files=[bad], option_dirs=[bad])
        assert with_option_files(odd, tmp_path / "own").options == []
        assert options_state(odd, tmp_path / "own") == ()


def test_files_of_options_are_read_again_when_they_change_and_routerds_old_ones_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, theirs, old, own = (tmp_path / name for name in ("main", "theirs", "old", "own"))
    monkeypatch.setattr("routerd.beside.dnsmasq_watch_service.look_up", lambda *_: PROCESS)
    main.write_text(f"dhcp-optsfile={theirs}\ndhcp-optsfile={old}\ndhcp-optsfile={own}\n")
    old.write_text(f"{HEADER}tag:lan0,121,00\n")
    theirs.write_text("42,1.2.3.4\n")
    started(monkeypatch, main)
    watch = Watch(tmp_path / "pid", own)
    watch.look(force=True)
    assert watch.conf is not None
    assert watch.conf.options == []
    theirs.write_text("121,00\n42,1.2.3.4\n")
    watch.look(force=False)
    assert [option.place for option in watch.conf.options] == [f"{theirs}:1"]
    assert watch.conf.reads(str(own))


@pytest.mark.parametrize("text", ["\0" * 10, "\xff\xfe", '"""', "dhcp-option=" + "tag:a," * 5000, "conf-dir=,,,\n"])
def test_nonsense_is_no_trouble(text: str) -> None:
    assert conf(text).options == []
