"""A bounded big-endian reader: no read ever leaves the buffer, and every fault is one `WireError`."""

from functools import lru_cache


class WireError(ValueError):
    """Bytes from the wire that break a rule. The text names the offset and what was expected there."""


class Reader:
    """Reads big-endian values from `data`, from `offset` up to `end`.

    Every method raises `WireError` where fewer bytes are left than it needs, and then has consumed nothing.
    """

    __slots__ = ("_data", "_end", "offset")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None) -> None:
        self._data = data
        self._end = len(data) if end is None else min(end, len(data))
        self.offset = offset

    @property
    def left(self) -> int:
        """How many bytes can still be read."""
        return self._end - self.offset

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.offset
        if count < 0 or count > self._end - start:
            raise WireError(f"offset {start}: {count} bytes expected, {self._end - start} left")
        self.offset = start + count
        return self._data[start : start + count]

    def uint8(self) -> int:
        """The next byte as a number."""
        return self.bytes(1)[0]

    def uint16(self) -> int:
        """The next two bytes as a number."""
        return int.from_bytes(self.bytes(2), "big")

    def uint32(self) -> int:
        """The next four bytes as a number."""
        return int.from_bytes(self.bytes(4), "big")


@lru_cache(maxsize=256)
def dotted(address: int) -> str:
    """An IPv4 address as text. The few that are asked for over and over, those of relay agents, cost nothing."""
    return f"{address >> 24}.{address >> 16 & 0xFF}.{address >> 8 & 0xFF}.{address & 0xFF}"
