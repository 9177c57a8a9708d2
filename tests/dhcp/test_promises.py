"""What a lease found after a crash may have been promised."""

import pytest

from routerd.dhcp.leases import BOUND, DECLINED, RELEASED, Row
from routerd.dhcp.promises import DOUBT, after_crash

SAVED, NOW, LEASE = 1000.0, 1500.0, 600.0


def row(expires: float, state: int = BOUND, seconds: float = LEASE) -> Row:
    return Row(1, b"c", b"h", None, state, 0.0, expires, seconds=seconds)


@pytest.mark.parametrize(
    ("found", "expires"),
    [
        (row(1100.0), NOW + LEASE),
        (row(SAVED), NOW + LEASE),
        (row(SAVED - DOUBT + 1), NOW + LEASE),
        (row(1400.0, seconds=60.0), NOW + 60.0),
        # It had ended before anything could have renewed it unseen.
        (row(SAVED - DOUBT), SAVED - DOUBT),
        # The end that is stored is later than any renewal's would be.
        (row(NOW + LEASE + 1), NOW + LEASE + 1),
        # From a version that did not know the lease time: none of its renewals was answered before it was stored.
        (row(1100.0, seconds=0.0), 1100.0),
        (row(1100.0, RELEASED), 1100.0),
        (row(1100.0, DECLINED), 1100.0),
    ],
)
def test_the_end_that_it_may_have(found: Row, expires: float) -> None:
    rows, changed = after_crash([found], SAVED, NOW)
    assert [row.expires for row in rows] == [expires]
    assert changed == [row for row in rows if row.expires != found.expires]
