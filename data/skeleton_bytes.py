"""`.skeleton` content of the usual form read byte by byte, in compiled code.

Usual are lines that end with LF or CRLF, blanks between fields, and coordinates of at most 18
digits. Those are a whole number and a power of ten; where float64 has both exactly, one operation
on them rounds as `float` does (Clinger, PLDI 1990). Other content is left to the reader of lines in
`data.skeleton_text`.

The functions take a place in the bytes and give the next one, or -1 where something is unusual.
There the last byte is a NUL, at which nothing begins, so that -1 leads to -1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.skeleton_text import MOST_COUNT_DIGITS, NUM_FIELDS, NUM_JOINTS

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Ids = NDArray[np.uint64]
Floats = NDArray[np.float64]

NEWLINE, RETURN, BLANK, PLUS, MINUS, POINT, ZERO, NINE, SMALL_E = b"\n\r +-.09e"
END = b"\n\0"
LEAST_FRAME = len(b"0\n")
LEAST_BODY = len(b"0\n25\n") + NUM_JOINTS * len(b"0 " * NUM_FIELDS)
"""Bytes."""
MOST_ID_DIGITS = 19
MOST_DIGITS = 18
"""10**18 is less than 2**63, as 10**19 is less than 2**64."""
MOST_EXACT = 2**53
MOST_POWER = 22
POWERS_OF_TEN = 10.0 ** np.arange(MOST_POWER + 1)
"""All that float64 has exactly."""


def parse_bytes(content: bytes) -> tuple[Ints, Ids, Floats] | None:
    """How many bodies every frame has (T,); of all n bodies, one frame after the other, the ids
    (n,) and the joints (n, 25, 3). None for content that is damaged or not of the usual form."""
    text = np.frombuffer(content + END, dtype=np.uint8)
    most_bodies = len(text) // LEAST_BODY
    counts = np.empty(len(text) // LEAST_FRAME, dtype=np.int64)
    ids = np.empty(most_bodies, dtype=np.uint64)
    joints = np.empty((most_bodies, NUM_JOINTS, 3))
    num_frames, num_bodies = _read_frames(text, counts, ids, joints)
    if num_frames < 0:
        return None
    return counts[:num_frames], ids[:num_bodies], joints[:num_bodies]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Kept on disk, unless neither this file's folder nor the user's for caches can be written."""
    try:
        fast = njit(cache=True)(function)
    except RuntimeError:
        fast = njit(function)
    return cast(Callable[..., Any], fast)


_inlined = njit(inline="always")


@_inlined
def _end_line(text: Bytes, place: int) -> tuple[int, int]:
    """How many fields begin on the rest of a line, and where the next line begins."""
    num_fields, was_blank = 0, True
    while text[place] >= BLANK:
        num_fields += was_blank and text[place] != BLANK
        was_blank = text[place] == BLANK
        place += 1
    place += text[place] == RETURN
    return num_fields, place + 1 if text[place] == NEWLINE else -1


@_inlined
def _read_digits(text: Bytes, place: int) -> tuple[int, int]:
    """A whole number, modulo 2**64, and where it ends."""
    number = 0
    while ZERO <= text[place] <= NINE:
        number = 10 * number + (text[place] - ZERO)
        place += 1
    return number, place


@_inlined
def _read_decimal(text: Bytes, place: int) -> tuple[int, int, int]:
    """As `_read_digits`, with a point among the digits, and where that is, or -1."""
    number, point = 0, -1
    while ZERO <= text[place] <= NINE or (text[place] == POINT and point < 0):
        if text[place] == POINT:
            point = place
        else:
            number = 10 * number + (text[place] - ZERO)
        place += 1
    return number, place, point


@_inlined
def _read_count(text: Bytes, place: int) -> tuple[int, int]:
    """The whole number that is a line."""
    number, end = _read_digits(text, place)
    num_others, after = _end_line(text, end)
    is_count = 0 < end - place <= MOST_COUNT_DIGITS and text[end] <= BLANK and num_others == 0
    return (number, after) if is_count and after >= 0 else (-1, -1)


@_inlined
def _read_id(text: Bytes, place: int) -> tuple[np.uint64, int]:
    """The tracking id that a line begins with."""
    number, end = _read_digits(text, place)
    _, after = _end_line(text, end)
    is_id = 0 < end - place <= MOST_ID_DIGITS and text[end] <= BLANK
    return np.uint64(number), after if is_id else -1


@_inlined
def _read_exponent(text: Bytes, place: int) -> tuple[int, int]:
    """What stands behind an e, out of range if that is no number, and where it ends."""
    negative = text[place] == MINUS
    begin = place + (negative | (text[place] == PLUS))
    number, end = _read_digits(text, begin)
    size = number if 0 < end - begin <= 2 else 100
    return -size if negative else size, end


@_inlined
def _read_coordinate(text: Bytes, place: int) -> tuple[float, int]:
    negative = text[place] == MINUS
    begin = place + negative
    number, end, point = _read_decimal(text, begin)
    has_point = point >= 0
    num_digits, power = end - begin - has_point, point + 1 - end if has_point else 0
    if text[end] | 32 == SMALL_E:
        exponent, end = _read_exponent(text, end + 1)
        power += exponent
    is_exact = num_digits <= MOST_DIGITS and number <= MOST_EXACT and abs(power) <= MOST_POWER
    if not (is_exact and num_digits > 0 and text[end] == BLANK):
        return np.nan, -1
    power_of_ten = POWERS_OF_TEN[abs(power)]
    size = number / power_of_ten if power < 0 else number * power_of_ten
    return -size if negative else size, end + 1


@_inlined
def _read_joints(text: Bytes, place: int, joints: Floats, body: int) -> int:
    """The number of joints and their lines; their coordinates go to `joints[body]`."""
    num_joints, place = _read_count(text, place)
    if num_joints != NUM_JOINTS:
        return -1
    for joint in range(NUM_JOINTS):
        for axis in range(3):
            joints[body, joint, axis], place = _read_coordinate(text, place)
        num_others, place = _end_line(text, place)
        if num_others != NUM_FIELDS - 3:
            return -1
    return place


@compiled
def _read_frames(text: Bytes, counts: Ints, ids: Ids, joints: Floats) -> tuple[int, int]:
    """Fills the arrays with as many frames and bodies as it returns, or returns -1 twice."""
    num_frames, place = _read_count(text, 0)
    num_bodies = 0
    for frame in range(num_frames):
        count, place = _read_count(text, place)
        if count < 0 or num_bodies + count > len(ids):
            return -1, -1
        counts[frame] = count
        for body in range(num_bodies, num_bodies + count):
            ids[body], place = _read_id(text, place)
            place = _read_joints(text, place, joints, body)
        num_bodies += count
    return (num_frames, num_bodies) if place >= 0 else (-1, -1)
