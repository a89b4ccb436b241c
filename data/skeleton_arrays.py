"""`.skeleton` content of the usual form parsed as a whole, by array arithmetic.

The fields of every line are counted at once, which tells the lines apart. A coordinate as the
files have it, `-d.dddddddd`, is an integer of at most fifteen digits over a power of ten: float64
divides these to the nearest value, as `float` does. Lines of other numbers go through `float`.

Content that is not of the usual form is left to the reader of lines in `data.skeleton_text`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.number_table import to_number

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
Words = NDArray[np.uint64]

NUM_JOINTS = 25
NUM_FIELDS = 12
NUM_STATES = 10
BODY_LINES = 2 + NUM_JOINTS

LONGEST_LINE = 511
"""Bytes; a longer line could have 256 fields or more, which are counted modulo 256."""
MOST_COUNT_DIGITS = 9
MOST_ID_DIGITS = 19
NEWLINE, RETURN, BLANK, MINUS, POINT, ZERO, TWO, FIVE = b"\n\r -.025"

WORD = 8
"""Bytes of a word, which holds as many digits."""
BITS_BEFORE = 8 * np.arange(WORD, -1, -1, dtype=np.uint64)
"""Of a word, in front of its last 0 to 8 bytes."""
MOST_DECIMALS = 14
"""With the digit before the point, the integer is less than 2**53."""
POWERS_OF_TEN = 10.0 ** np.arange(MOST_DECIMALS + 1)
THREE_TOP_BITS = np.uint64(0b111 << 61)
EXPONENT_OF_BIT_0 = 1023
"""Of a float64, as it is stored, that is a power of two."""


class FlatBodies(NamedTuple):
    """counts (T,) int64 of the bodies in each frame; of all n bodies, one frame after the other,
    the ids (n,) uint64 and the joints (n, 25, 3) float64."""

    counts: NDArray[np.int64]
    ids: NDArray[np.uint64]
    joints: NDArray[np.float64]


class _Text:
    """Content whose line k is `content[starts[k]:breaks[k]]`, of `num_fields[k]` fields.

    `is_usual`: LF or CRLF end all lines, and white space is otherwise blanks alone.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content if content.endswith(b"\n") else content + b"\n"
        self.bytes = np.frombuffer(self.content, dtype=np.uint8)
        self.blank = self.bytes <= BLANK
        found = self.bytes == NEWLINE
        self.breaks = np.flatnonzero(found)
        self.starts = np.concatenate([[0], self.breaks[:-1] + 1])
        num_controls = np.count_nonzero(np.less(self.bytes, BLANK, out=found))
        num_returns = np.count_nonzero(self.bytes[self.breaks - 1] == RETURN)
        longest = (self.breaks - self.starts).max()
        self.is_usual = num_controls == len(self.breaks) + num_returns and longest <= LONGEST_LINE
        found[0] = not self.blank[0]
        np.greater(self.blank[:-1], self.blank[1:], out=found[1:])
        self.num_fields = np.add.reduceat(found.view(np.uint8), self.starts, dtype=np.uint8)

    def line(self, number: int) -> bytes:
        return self.content[self.starts[number] : self.breaks[number]]


def parse_at_once(content: bytes) -> FlatBodies | None:
    """The bodies of a file's content, or None if it is damaged or not of the usual form."""
    if len(content) < WORD:
        return None
    text = _Text(content)
    layout = _lay_out(text) if text.is_usual else None
    if layout is None:
        return None
    counts, bodies = layout
    ids = _parse_ids(text, bodies)
    points = _parse_points(text, (bodies[:, None] + np.arange(2, BODY_LINES)).ravel())
    if ids is None or points is None:
        return None
    return FlatBodies(counts, ids, points.reshape(-1, NUM_JOINTS, 3))


def _lay_out(text: _Text) -> tuple[NDArray[np.int64], Places] | None:
    """How many bodies every frame has (T,), and the first line of each (n,)."""
    num_frames = text.line(0).strip()
    if not num_frames.isdigit() or len(num_frames) > MOST_COUNT_DIGITS:
        return None
    # The only other lines of one field, the numbers of joints, come after a body's states.
    is_count = (text.num_fields[1:] == 1) & (text.num_fields[:-1] != NUM_STATES)
    lines = np.flatnonzero(is_count)[: int(num_frames)] + 1
    begins = text.starts[lines]
    counts = text.bytes[begins].astype(np.int64) - ZERO
    after = lines + 1 + BODY_LINES * counts
    is_digit = (counts >= 0) & (counts <= 9) & text.blank[begins + 1]
    expected = np.concatenate([[1], after])
    if len(lines) < int(num_frames) or not is_digit.all() or expected[-1] > len(text.starts):
        return None
    if (expected[:-1] != lines).any():
        return None
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    bodies = np.repeat(lines + 1, counts) + BODY_LINES * place
    return (counts, bodies) if _have_25_joints(text, bodies) else None


def _have_25_joints(text: _Text, bodies: Places) -> bool:
    first = text.starts[bodies + 1]
    is_25 = (text.bytes[first] == TWO) & (text.bytes[first + 1] == FIVE) & text.blank[first + 2]
    lines = bodies[:, None] + np.arange(2, BODY_LINES)
    return bool(is_25.all() and (text.num_fields[lines] == NUM_FIELDS).all())


def _parse_ids(text: _Text, bodies: Places) -> NDArray[np.uint64] | None:
    known: dict[bytes, int] = {}
    ids = []
    if (text.num_fields[bodies] != NUM_STATES).any():
        return None
    for begin in text.starts[bodies].tolist():
        span = text.content[begin : begin + MOST_ID_DIGITS + 1]
        if span not in known:
            word = span.split(maxsplit=1)[0]
            if not word.isdigit() or len(word) > MOST_ID_DIGITS:
                return None
            known[span] = int(word)
        ids.append(known[span])
    return np.array(ids, dtype=np.uint64)


def _parse_points(text: _Text, lines: Places) -> NDArray[np.float64] | None:
    """The first three numbers of the lines, (n, 3); None if one is not a finite number."""
    numbers, usual = _parse_numbers(text, *_find_numbers(text, text.starts[lines]))
    points = numbers.reshape(3, -1).T
    for row in np.flatnonzero(~usual.reshape(3, -1).all(axis=0)):
        try:
            points[row] = to_point(text.line(lines[row]).split())
        except ValueError:
            return None
        if not np.isfinite(points[row]).all():
            return None
    return points


def to_point(fields: list[bytes]) -> list[float]:
    """x, y and z; raises ValueError for what is no number."""
    return [to_number(field.decode("ascii", "replace")) for field in fields[:3]]


def _find_numbers(text: _Text, starts: Places) -> tuple[Places, Places]:
    """Where the first, second and third numbers of the lines begin and end, (3 n,) each.

    The blanks among the 57 bytes from a line's start on are the bits of a word; the lowest that is
    set ends a number. Three bits at the top stand in for blanks that are further away.
    """
    packed = np.append(np.packbits(text.blank, bitorder="little"), np.zeros(WORD, dtype=np.uint8))
    words = np.ndarray((len(packed) - WORD + 1,), "<u8", packed, 0, (1,))
    blanks = words[starts >> 3] >> (starts & 7).view(np.uint64) | THREE_TOP_BITS
    ends = np.empty((3, len(starts)), dtype=np.int64)
    for number in range(3):
        lowest = blanks & -blanks
        blanks ^= lowest
        ends[number] = lowest.astype(np.float64).view(np.int64) >> 52
    ends += starts - EXPONENT_OF_BIT_0
    return np.concatenate([starts, ends[0] + 1, ends[1] + 1]), ends.ravel()


def _parse_numbers(text: _Text, begins: Places, ends: Places) -> tuple[NDArray[np.float64], Flags]:
    """The numbers at these places, and whether each has the usual form `-d.dddddddd`."""
    negative = text.bytes[begins] == MINUS
    whole = begins + negative
    num_decimals = ends - whole - 2
    decimals, usual = _parse_digits(text.content, ends, num_decimals)
    longer = np.flatnonzero(num_decimals > WORD)
    above, are_digits = _parse_digits(
        text.content, ends[longer] - WORD, num_decimals[longer] - WORD
    )
    decimals[longer] += above * np.uint64(10**WORD)
    usual[longer] &= are_digits
    digits = text.bytes[whole] - np.uint8(ZERO)
    usual &= (text.bytes[whole + 1] == POINT) & (digits <= 9) & (num_decimals <= MOST_DECIMALS)
    power = POWERS_OF_TEN.take(num_decimals, mode="clip")
    numbers = (digits * power + decimals) / power
    np.negative(numbers, out=numbers, where=negative)
    return numbers, usual


def _parse_digits(content: bytes, ends: Places, num_digits: Places) -> tuple[Words, Flags]:
    """The integers of the digits, at most eight, before these places, and whether they are digits.

    Eight bytes are a word, the first the lowest, and what comes before the digits is cleared. Then
    neighbours are joined: digits to pairs, pairs to fours and fours to eight.
    """
    words = np.ndarray((len(content) - WORD + 1,), "<u8", content, 0, (1,))
    before = BITS_BEFORE.take(num_digits, mode="clip")
    digits = (words[ends - WORD] ^ np.uint64(0x3030303030303030)) >> before << before
    above_nine = (digits | digits + np.uint64(0x7676767676767676)) & np.uint64(0x8080808080808080)
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    outer = (pairs & np.uint64(0x000000FF000000FF)) * np.uint64((1_000_000 << 32) + 100)
    inner = (pairs >> np.uint64(16) & np.uint64(0x000000FF000000FF)) * np.uint64((10_000 << 32) + 1)
    return outer + inner >> np.uint64(32), above_nine == 0
