"""Files with one wrong place."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from data.dataset import DatasetInfo, RawClip, check_clip


class Damage(NamedTuple):
    """`inserted` instead of `removed` bytes at a place, taken modulo the length."""

    place: int
    removed: int
    inserted: bytes

    def write(self, path: Path, content: bytes) -> Path:
        place = self.place % (len(content) + 1)
        path.write_bytes(content[:place] + self.inserted + content[place + self.removed :])
        return path


damages = st.builds(
    Damage,
    place=st.integers(0, 10**6),
    removed=st.sampled_from([0, 1, 2, 10, 10**6]),
    inserted=st.one_of(
        st.binary(max_size=3),
        st.sampled_from(
            [b"9e999", b"1e300", b"-", b"nan", b",", b" ", b"\n", b"[]", b"null", b'"']
        ),
    ),
)


def problem_with(scan: Callable[[], Iterable[RawClip]], info: DatasetInfo) -> str:
    """The message of the ValueError that reading all clips raises; empty if they fit `info`."""
    try:
        for raw_clip in scan():
            check_clip(raw_clip.load(), info)
    except ValueError as error:
        return str(error)
    return ""
