"""Whose part of a batch is whose, where several workers train together."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Share(NamedTuple):
    """The part that worker `place`, counted from 0, has of every batch of `of` workers.

    Parts are consecutive and differ by one clip at most.
    """

    place: int = 0
    of: int = 1

    def sizes(self, num_clips: int) -> list[int]:
        """Of all parts of a batch, in order; 0 for some where there are more workers than clips."""
        ends = [num_clips * place // self.of for place in range(self.of + 1)]
        return [end - begin for begin, end in pairwise(ends)]

    def rows(self, num_clips: int) -> range:
        """This part. Where it is empty the first clip stands in: a network needs one."""
        begin = num_clips * self.place // self.of
        end = num_clips * (self.place + 1) // self.of
        return range(begin, end) or range(1)
