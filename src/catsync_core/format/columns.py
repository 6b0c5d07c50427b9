"""The binary encoding under manifests and tables: unsigned varints and columns of them.

A varint holds seven bits a byte, lowest first, as in Protocol Buffers; only the shortest form is accepted, so that
every value has exactly one encoding. Every read is bounded by what the caller allows before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from catsync_core.errors import FormatError

__all__ = ["Reader", "Writer"]

_WIDEST = 9  # bytes of a varint: 63 bits


class Writer:
    """Builds one binary object."""

    def __init__(self, magic: bytes) -> None:
        self._parts = bytearray(magic)

    def number(self, value: int) -> None:
        """Append one unsigned varint."""
        while value > 0x7F:
            self._parts.append(value & 0x7F | 0x80)
            value >>= 7
        self._parts.append(value)

    def raw(self, data: bytes) -> None:
        """Append bytes whose length the reader knows."""
        self._parts += data

    def blob(self, data: bytes) -> None:
        """Append bytes after their length."""
        self.number(len(data))
        self._parts += data

    def numbers(self, values: Iterable[int]) -> None:
        """Append a column of unsigned numbers whose count the reader knows."""
        column = list(values)
        if max(column, default=0) < 0x80 and min(column, default=0) >= 0:
            self._parts += bytes(column)  # nothing but one-byte numbers, as so often
            return
        for value in column:
            if value < 0x80:
                self._parts.append(value)
            else:
                self.number(value)

    def deltas(self, values: Iterable[int]) -> None:
        """Append a column of signed numbers, each as the zigzag of its difference to the one before."""
        column = list(values)
        steps = (value - before for before, value in zip([0, *column], column, strict=False))
        self.numbers(step << 1 if step >= 0 else (-step << 1) - 1 for step in steps)

    def finish(self) -> bytes:
        """Return the object."""
        return bytes(self._parts)


class Reader:
    """Takes one binary object apart, refusing whatever does not fit.

    Args:
        data: The object.
        magic: The bytes that it must begin with.
        what: What it is, for error messages.
    """

    def __init__(self, data: bytes, magic: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._at = len(magic)
        if not data.startswith(magic):
            raise self.error("does not begin as one")

    def error(self, why: str) -> FormatError:
        """Make the error for this object."""
        return FormatError(f"{self._what} {why}")

    def number(self, most: int) -> int:
        """Read one varint of at most ``most``."""
        data, at, value, shift = self._data, self._at, 0, 0
        try:
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift >= 7 * _WIDEST:
                    raise self.error("holds a number that is too long")
        except IndexError:
            raise self.error("ends too early") from None
        if byte == 0 and shift:
            raise self.error("holds a number that is not in its shortest form")
        if value > most:
            raise self.error(f"holds the number {value} where at most {most} is allowed")
        self._at = at
        return value

    def raw(self, length: int) -> bytes:
        """Read ``length`` bytes."""
        if length > len(self._data) - self._at:
            raise self.error("ends too early")
        self._at += length
        return self._data[self._at - length : self._at]

    def blob(self, most: int) -> bytes:
        """Read bytes that stand after their length."""
        return self.raw(self.number(most))

    def count(self, most: int, width: int = 1) -> int:
        """Read how many items follow, each at least ``width`` bytes: more than can follow are refused at once."""
        count = self.number(most)
        if count * width > len(self._data) - self._at:
            raise self.error("announces more than it holds")
        return count

    def numbers(self, count: int, most: int) -> list[int]:
        """Read a column of unsigned numbers."""
        self._check_room(count)
        data = self._data
        column = data[self._at : self._at + count]
        if column.isascii() and max(column, default=0) <= most:  # nothing but one-byte numbers, as so often
            self._at += count
            return list(column)
        values = []
        for _ in range(count):
            # The common one-byte number is read in place: columns are long and Python's calls are dear.
            byte = data[self._at] if self._at < len(data) else 0x80
            if byte < 0x80 and byte <= most:
                self._at += 1
                values.append(byte)
            else:
                values.append(self.number(most))
        return values

    def deltas(self, count: int, most: int) -> list[int]:
        """Read a column of signed numbers, each within plus or minus ``most``."""
        steps = self.numbers(count, 4 * most + 1)
        values = list(accumulate((step >> 1) ^ -(step & 1) for step in steps))
        if values and (max(values) > most or min(values) < -most):
            raise self.error(f"holds a number beyond {most}")
        return values

    def finish(self) -> None:
        """Refuse trailing bytes."""
        if self._at != len(self._data):
            raise self.error(f"has {len(self._data) - self._at} bytes too many at its end")

    def _check_room(self, count: int) -> None:
        if count > len(self._data) - self._at:
            raise self.error("announces more than it holds")
