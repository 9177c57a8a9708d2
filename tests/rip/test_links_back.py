"""A link that was away, and what of the learned routes has changed since somebody asked last."""

from ipaddress import ip_network

from routerd.rip.message import REQUEST, RESPONSE
from routerd.rip.words import Import
from tests.rip.scene import V2, Scene, response, route, rte

LEARN = Import((ip_network("172.16.0.0/12"),))
INNER = ip_network("172.16.1.0/24")


def commands(scene: Scene, seconds: float = 0.0) -> list[int]:
    return [packet.data[0] for packet in scene.due(seconds)]


def test_when_the_link_is_back_everything_is_told_and_asked_for_at_once() -> None:
    scene = Scene(V2, route("10.0.0.0/24"), learn=LEARN)
    assert sorted(commands(scene)) == [REQUEST, RESPONSE]
    assert commands(scene, 1.0) == []
    scene.speaker.resume(scene.now)
    assert sorted(commands(scene)) == [REQUEST, RESPONSE]


def test_who_learns_nothing_asks_nothing_and_who_was_told_nothing_says_nothing() -> None:
    scene = Scene(V2)
    scene.speaker.resume(scene.now)
    assert commands(scene, 1.0) == []


def test_what_was_withdrawn_meanwhile_is_told() -> None:
    scene = Scene(V2, route("10.0.0.0/24"))
    scene.due()
    scene.speaker.apply([], scene.now)
    scene.speaker.resume(scene.now)
    assert scene.told(scene.due()) == {"10.0.0.0/24": 16}


def test_changes_are_told_once_and_as_they_are_now() -> None:
    scene = Scene(V2, learn=LEARN)
    assert scene.speaker.learned_changes() == {}
    scene.hear(response(rte(str(INNER))))
    (change,) = scene.speaker.learned_changes().values()
    assert change is not None
    assert (change.prefix, change.metric) == (INNER, 2)
    assert scene.speaker.learned_changes() == {}
    scene.hear(response(rte(str(INNER))))
    assert scene.speaker.learned_changes() == {}, "heard again, it is the same"
    scene.hear(response(rte(str(INNER), 3)))
    scene.hear(response(rte(str(INNER), 16)))
    assert scene.speaker.learned_changes() == {INNER: None}


def test_what_may_not_be_learned_any_more_is_a_change() -> None:
    scene = Scene(V2, learn=LEARN)
    scene.hear(response(rte(str(INNER))))
    scene.speaker.learned_changes()
    scene.speaker.configure(V2, scene.now)
    assert scene.speaker.learned_changes() == {INNER: None}


def test_what_is_not_heard_of_in_time_is_a_change() -> None:
    scene = Scene(V2, learn=LEARN)
    scene.hear(response(rte(str(INNER))))
    scene.speaker.learned_changes()
    scene.due(181.0)
    assert scene.speaker.learned_changes() == {INNER: None}
