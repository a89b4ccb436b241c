"""Shares of batches, put together again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.share import Share
from data.store import ArrayStore
from tests.data.test_batches import AUGMENTED, make_batches, store  # noqa: F401


@given(num_clips=st.integers(1, 200), of=st.integers(1, 9))
def test_shares_are_the_whole_batch_in_order_and_even(num_clips: int, of: int):
    sizes = Share(0, of).sizes(num_clips)

    shares = [Share(place, of).rows(num_clips) for place in range(of)]

    rows = [row for size, share in zip(sizes, shares, strict=True) if size for row in share]
    assert rows == list(range(num_clips))
    assert max(sizes) - min(sizes) <= 1
    assert all(len(share) == max(1, size) for size, share in zip(sizes, shares, strict=True))


@pytest.mark.parametrize("changes", [{}, {"train": False}, {"budget": 0, "batch_size": 4}])
@pytest.mark.parametrize("of", [2, 3, 5])
def test_the_batches_of_all_workers_are_those_of_one(store: ArrayStore, of, changes):  # noqa: F811
    whole = list(make_batches(store, AUGMENTED, **changes).epoch(1))

    parts = [
        list(make_batches(store, AUGMENTED, share=Share(place, of), **changes).epoch(1))
        for place in range(of)
    ]

    for step, batch in enumerate(whole):
        sizes = Share(0, of).sizes(len(batch.labels))
        own = [part[step].x[:size] for part, size in zip(parts, sizes, strict=True)]
        assert torch.equal(torch.cat(own), batch.x)
        assert all(torch.equal(part[step].clips, batch.clips) for part in parts)
        assert all(torch.equal(part[step].labels, batch.labels) for part in parts)
