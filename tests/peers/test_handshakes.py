"""When handshakes grow old, whatever the clock does."""

from routerd.peers.handshakes import Handshakes

KEY = ("vpn", "a")


def test_a_handshake_ages_once() -> None:
    handshakes = Handshakes()
    assert handshakes.next_deadline() is None
    assert handshakes.update(KEY, 5000.0, 100.0, 5010.0) == 90.0
    assert handshakes.next_deadline() == 270.0
    assert handshakes.on_deadline(269.9) == []
    assert handshakes.on_deadline(270.0) == [KEY]
    assert handshakes.next_deadline() is None


def test_a_new_handshake_starts_anew() -> None:
    handshakes = Handshakes()
    handshakes.update(KEY, 5000.0, 100.0, 5000.0)
    handshakes.update(KEY, 5120.0, 220.0, 5120.0)
    assert handshakes.on_deadline(280.0) == []
    assert handshakes.next_deadline() == 400.0
    assert handshakes.on_deadline(400.0) == [KEY]


def test_an_old_handshake_and_none_have_no_deadline() -> None:
    handshakes = Handshakes()
    assert handshakes.update(KEY, 0.0, 100.0, 5000.0) is None
    assert Handshakes().update(KEY, 1.0, 100.0, 5000.0) == -4899.0
    assert handshakes.next_deadline() is None


def test_a_step_of_the_clock_changes_no_age() -> None:
    handshakes = Handshakes()
    assert handshakes.update(KEY, 5000.0, 100.0, 5010.0) == 90.0
    assert handshakes.update(KEY, 5000.0, 110.0, 9999.0) == 90.0
    assert handshakes.update(KEY, 5000.0, 120.0, 1.0) == 90.0


def test_a_new_handshake_is_no_older_than_the_last_look() -> None:
    handshakes = Handshakes()
    assert handshakes.update(KEY, 5000.0, 100.0, 5010.0) == 90.0
    # The clock was stepped, the device has another one, or one of the two is slow to say so.
    assert handshakes.update(KEY, 5012.0, 102.0, 9e8) == 100.0
    assert handshakes.update(KEY, 6000.0, 104.0, 7.0) == 104.0


def test_a_handshake_in_the_future_is_one_of_now() -> None:
    assert Handshakes().update(KEY, 9999.0, 100.0, 5000.0) == 100.0


def test_what_is_forgotten_does_not_age() -> None:
    handshakes = Handshakes()
    handshakes.update(KEY, 5000.0, 100.0, 5000.0)
    handshakes.forget(KEY)
    handshakes.update(("vpn", "b"), 5000.0, 100.0, 5000.0)
    handshakes.update(("vpn", "b"), 0.0, 101.0, 5001.0)
    assert handshakes.on_deadline(1000.0) == []
