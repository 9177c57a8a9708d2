"""The routes service over a kernel and a sysctl tree that are not real."""

import asyncio
import errno
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.health import ProblemTracker
from routerd.model import KernelPart, KernelRoute, Sysctl
from routerd.routes.service import RoutesService
from routerd.system import sysctl
from routerd.system.netlink_error import NetlinkError

P = IPv4Network("10.0.0.0/24")
VIA = KernelRoute(P, IPv4Address("192.168.200.2"), "eth0")
ON_LINK = KernelRoute(P, None, "wg0")
PART = KernelPart((VIA,), (Sysctl("eth0", "forwarding", 1, at_least=True),))


class FakeKernel:
    """Routes in memory; `broken` makes everything fail with that errno, `refused` some additions."""

    def __init__(self, *present):
        self.routes, self.foreign, self.log = set(present), set(), []
        self.broken, self.refused, self.closed = 0, {}, False

    async def own_routes(self):
        self._fail(self.broken)
        return set(self.routes)

    async def foreign_routes(self, prefixes):
        self._fail(self.broken)
        return self.foreign & set(prefixes)

    async def add_route(self, route):
        self._fail(self.broken or self.refused.get(route))
        self.log.append(("add", route))
        self.routes.add(route)

    async def delete_route(self, route):
        self._fail(self.broken)
        self.log.append(("delete", route))
        self.routes.discard(route)

    def close(self):
        self.closed = True

    def _fail(self, code):
        if code:
            raise NetlinkError("do it", code)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Settings of eth0 and all, everything 0."""
    conf = tmp_path / "conf"
    for interface in ("all", "eth0"):
        (conf / interface).mkdir(parents=True)
        for name in ("forwarding", "rp_filter", "send_redirects"):
            (conf / interface / name).write_text("0\n")
    monkeypatch.setattr(sysctl, "CONF", conf)
    return conf


def service(tmp_path, *present):
    kernel = FakeKernel(*present)
    return kernel, RoutesService(kernel=kernel, runtime=tmp_path / "run")


@asynccontextmanager
async def running(routes):
    task = asyncio.create_task(routes.run())
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_applies_once_and_takes_everything_back(tree, tmp_path):
    async def scenario():
        kernel, routes = service(tmp_path)
        assert [check.ok for check in routes.checks()] == [False, False]
        async with running(routes):
            await routes.apply(PART)
            await routes.apply(PART)
            assert kernel.log == [("add", VIA)]
            assert sysctl.read("eth0", "forwarding") == 1
            assert all(check.ok for check in routes.checks())
            assert routes.problems() == ()
            assert list((tmp_path / "run").iterdir())
        assert kernel.routes == set()
        assert kernel.closed
        assert sysctl.read("eth0", "forwarding") == 0
        assert not list((tmp_path / "run").iterdir())

    asyncio.run(scenario())


def test_an_empty_part_removes_what_a_crashed_predecessor_left(tree, tmp_path):
    async def scenario():
        _, crashed = service(tmp_path)
        await crashed.apply(PART)
        kernel, routes = service(tmp_path, VIA, KernelRoute(P))
        await routes.apply(KernelPart())
        assert kernel.routes == set()
        assert sysctl.read("eth0", "forwarding") == 0

    asyncio.run(scenario())


def test_adds_before_it_deletes(tree, tmp_path):
    async def scenario():
        old = KernelRoute(P, IPv4Address("192.168.200.9"), "eth0")
        kernel, routes = service(tmp_path, old)
        await routes.apply(PART)
        assert kernel.log == [("add", VIA), ("delete", old)]

    asyncio.run(scenario())


def test_keeps_the_old_route_while_the_new_one_is_refused(tree, tmp_path):
    async def scenario():
        old = KernelRoute(P, IPv4Address("192.168.200.9"), "eth0")
        kernel, routes = service(tmp_path, old)
        kernel.refused = {VIA: errno.ENETUNREACH}
        await routes.apply(PART)
        assert kernel.routes == {old}
        assert [problem.code for problem in routes.problems()] == ["kernel-route"]
        assert not routes.checks()[1].ok
        kernel.refused = {}
        await routes.resync()
        assert kernel.routes == {VIA}
        assert routes.problems() == ()

    asyncio.run(scenario())


def test_puts_back_what_others_removed(tree, tmp_path):
    async def scenario():
        kernel, routes = service(tmp_path)
        await routes.resync()
        assert kernel.log == []
        await routes.apply(PART)
        kernel.routes.clear()
        sysctl.write("eth0", "forwarding", 0)
        assert not routes.checks()[0].ok
        await routes.resync()
        assert kernel.routes == {VIA}
        assert routes.checks()[0].ok

    asyncio.run(scenario())


def test_a_route_of_wg_quick_is_enough(tree, tmp_path):
    async def scenario():
        kernel, routes = service(tmp_path)
        kernel.foreign = {P}
        await routes.apply(KernelPart((ON_LINK,)))
        assert kernel.routes == set()
        kernel.foreign = set()
        await routes.resync()
        assert kernel.routes == {ON_LINK}

    asyncio.run(scenario())


def test_tries_again_by_itself(tree, tmp_path, monkeypatch):
    monkeypatch.setattr("routerd.routes.service._FIRST_RETRY", 0.01)

    async def scenario():
        kernel, routes = service(tmp_path)
        kernel.broken = errno.EPERM
        async with running(routes):
            await routes.apply(PART)
            (problem,) = routes.problems()
            assert "CAP_NET_ADMIN" in dict(problem.values)["reason"]
            tracker = ProblemTracker()
            tracker.update(routes.problems(), 0.0)
            assert "?" not in tracker.report(10.0)[0].text
            kernel.broken = 0
            async with asyncio.timeout(5):
                while routes.problems():  # noqa: ASYNC110  the service has no event for tests
                    await asyncio.sleep(0.005)
            assert kernel.routes == {VIA}

    asyncio.run(scenario())


def test_changes_no_setting_before_the_way_back_is_on_disk(tree, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario():
        kernel, routes = service(tmp_path)
        monkeypatch.setattr(sysctl, "write_synced", full)
        await routes.apply(PART)
        assert sysctl.read("eth0", "forwarding") == 0
        (problem,) = routes.problems()
        assert (problem.code, problem.subject) == ("forwarding-off", "interface eth0")
        assert kernel.routes == {VIA}

    asyncio.run(scenario())


def test_a_setting_that_cannot_be_written_is_a_problem(tree, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    async def scenario():
        _, routes = service(tmp_path)
        monkeypatch.setattr(sysctl, "write", refuse)
        await routes.apply(KernelPart(sysctls=(*PART.sysctls, Sysctl("all", "send_redirects", 7))))
        codes = {(problem.code, problem.subject) for problem in routes.problems()}
        assert codes == {("forwarding-off", "interface eth0"), ("sysctl", "interface all")}
        assert all("CAP_NET_ADMIN" in dict(problem.values)["reason"] for problem in routes.problems())

    asyncio.run(scenario())


def test_an_interface_that_vanished_is_no_problem_of_the_settings(tree, tmp_path):
    async def scenario():
        _, routes = service(tmp_path)
        await routes.apply(KernelPart(sysctls=(Sysctl("gone0", "forwarding", 1, at_least=True),)))
        assert routes.problems() == ()
        assert not routes.checks()[0].ok

    asyncio.run(scenario())


def test_forwarding_stays_on_where_something_else_forwards(tree, tmp_path):
    async def scenario():
        _, routes = service(tmp_path)
        async with running(routes):
            await routes.apply(PART)
            sysctl.write("all", "forwarding", 1)
        assert sysctl.read("eth0", "forwarding") == 1

    asyncio.run(scenario())


def test_what_is_to_be_kept_stays_at_the_end_and_its_originals_too(tree, tmp_path):
    async def main(keep):
        kernel, routes = service(tmp_path)
        async with running(routes):
            await routes.apply(replace(PART, keep=keep))
        return VIA in kernel.routes, (tree / "eth0" / "forwarding").read_text().strip()

    assert asyncio.run(main(True)) == (True, "1")
    # The next one that does not keep them sets them back to what they were before the first.
    assert asyncio.run(main(False)) == (False, "0")
