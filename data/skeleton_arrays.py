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
NEWLINE, RETURN, BLANK, MINUS, POINT, ZERO, TWO, FIVE, NINE = b"\n\r -.0259"

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
    """Content with blanks around it; line k is `text[breaks[k] + 1:breaks[k + 1]]`."""

    def __init__(self, content: bytes) -> None:
        self.text = b"\n" + content + b"\n" + b" " * 72
        self.bytes = np.frombuffer(self.text, dtype=np.uint8)
        self.blank = self.bytes <= BLANK
        self.breaks = np.flatnonzero(self.bytes == NEWLINE)
        self.starts = self.breaks[:-1] + 1

    def has_usual_breaks(self) -> bool:
        """Whether LF or CRLF end all lines, and white space is otherwise blanks alone."""
        num_returns = np.count_nonzero(self.bytes[self.breaks[1:] - 1] == RETURN)
        num_controls = np.count_nonzero(self.bytes < BLANK)
        longest = np.diff(self.breaks).max()
        return bool(num_controls == len(self.breaks) + num_returns and longest <= LONGEST_LINE)

    def num_fields(self) -> NDArray[np.uint8]:
        """How many fields every line has."""
        begins = (self.blank[:-1] > self.blank[1:]).view(np.uint8)
        return np.add.reduceat(begins, self.breaks[:-1], dtype=np.uint8)

    def line(self, number: int) -> bytes:
        return self.text[self.breaks[number] + 1 : self.breaks[number + 1]]


def parse_at_once(content: bytes) -> FlatBodies | None:
    """The bodies of a file's content, or None if it is damaged or not of the usual form."""
    text = _Text(content)
    if not text.has_usual_breaks():
        return None
    num_fields = text.num_fields()
    layout = _lay_out(text, num_fields)
    if layout is None:
        return None
    counts, bodies = layout
    ids = _parse_ids(text, bodies)
    lines = (bodies[:, None] + np.arange(2, BODY_LINES)).ravel()
    if ids is None or (num_fields[lines] != NUM_FIELDS).any():
        return None
    points = _parse_points(text, lines)
    if points is None:
        return None
    return FlatBodies(counts, ids, points.reshape(-1, NUM_JOINTS, 3))


def _lay_out(text: _Text, num_fields: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Places] | None:
    """How many bodies every frame has (T,), and the first line of each (n,)."""
    num_frames = text.line(0).strip()
    if not num_frames.isdigit() or len(num_frames) > MOST_COUNT_DIGITS:
        return None
    # The only other lines of one field, the numbers of joints, come after a body's states.
    is_count = (num_fields[1:] == 1) & (num_fields[:-1] != NUM_STATES)
    lines = np.flatnonzero(is_count)[: int(num_frames)] + 1
    begins = text.starts[lines]
    counts = text.bytes[begins].astype(np.int64) - ZERO
    after = lines + 1 + BODY_LINES * counts
    is_digit = (counts >= 0) & (counts <= 9) & text.blank[begins + 1]
    expected = np.concatenate([[1], after])
    if len(lines) < int(num_frames) or not is_digit.all() or expected[-1] > len(num_fields):
        return None
    if (expected[:-1] != lines).any():
        return None
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    bodies = np.repeat(lines + 1, counts) + BODY_LINES * place
    of_25 = text.starts[bodies + 1]
    is_25 = (text.bytes[of_25] == TWO) & (text.bytes[of_25 + 1] == FIVE) & text.blank[of_25 + 2]
    if (num_fields[bodies] != NUM_STATES).any() or not is_25.all():
        return None
    return counts, bodies


def _parse_ids(text: _Text, bodies: Places) -> NDArray[np.uint64] | None:
    known: dict[bytes, int] = {}
    ids = []
    for begin in text.starts[bodies].tolist():
        span = text.text[begin : begin + MOST_ID_DIGITS + 1]
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
    points = numbers.T.copy()
    for row in np.flatnonzero(~usual.all(axis=0)):
        try:
            points[row] = [float(number) for number in text.line(lines[row]).split()[:3]]
        except ValueError:
            return None
    return points if np.isfinite(points).all() else None


def _find_numbers(text: _Text, starts: Places) -> tuple[Places, Places]:
    """Where the first three numbers of the lines begin and end, (3, n) each.

    The blanks among the 57 bytes from a line's start on are the bits of a word; the lowest that is
    set ends a number. Three bits at the top stand in for blanks that are further away.
    """
    packed = np.packbits(text.blank, bitorder="little")
    words = np.ndarray((len(packed) - WORD + 1,), "<u8", packed, 0, (1,))
    blanks = words[starts >> 3] >> (starts & 7).view(np.uint64) | THREE_TOP_BITS
    ends = np.empty((3, len(starts)), dtype=np.int64)
    for number in range(3):
        lowest = blanks & -blanks
        blanks ^= lowest
        ends[number] = lowest.astype(np.float64).view(np.int64) >> 52
    ends += starts - EXPONENT_OF_BIT_0
    return np.stack([starts, ends[0] + 1, ends[1] + 1]), ends


def _parse_numbers(text: _Text, begins: Places, ends: Places) -> tuple[NDArray[np.float64], Flags]:
    """The numbers at these places, and whether each has the usual form `-d.dddddddd`."""
    negative = text.bytes[begins] == MINUS
    units = begins + negative
    num_decimals = ends - units - 2
    decimals, usual = _parse_digits(text.text, ends, num_decimals)
    longer = num_decimals > WORD
    if longer.any():
        above, are_digits = _parse_digits(
            text.text, ends[longer] - WORD, num_decimals[longer] - WORD
        )
        decimals[longer] += above * np.uint64(10**WORD)
        usual[longer] &= are_digits
    tens = text.bytes[units] - np.uint8(ZERO)
    usual &= (text.bytes[units + 1] == POINT) & (tens <= 9) & (num_decimals <= MOST_DECIMALS)
    power = POWERS_OF_TEN.take(num_decimals, mode="clip")
    numbers = (tens * power + decimals) / power
    np.negative(numbers, out=numbers, where=negative)
    return numbers, usual


def _parse_digits(text: bytes, ends: Places, num_digits: Places) -> tuple[Words, Flags]:
    """The integers of the digits, at most eight, before these places, and whether they are digits.

    Eight bytes are a word, the first the lowest, and what comes before the digits is cleared. Then
    neighbours are joined: digits to pairs, pairs to fours and fours to eight.
    """
    words = np.ndarray((len(text) - WORD + 1,), "<u8", text, 0, (1,))
    before = BITS_BEFORE.take(num_digits, mode="clip")
    digits = (words[ends - WORD] ^ np.uint64(0x3030303030303030)) >> before << before
    above_nine = (digits | digits + np.uint64(0x7676767676767676)) & np.uint64(0x8080808080808080)
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    outer = (pairs & np.uint64(0x000000FF000000FF)) * np.uint64((1_000_000 << 32) + 100)
    inner = (pairs >> np.uint64(16) & np.uint64(0x000000FF000000FF)) * np.uint64((10_000 << 32) + 1)
    return outer + inner >> np.uint64(32), above_nine == 0
