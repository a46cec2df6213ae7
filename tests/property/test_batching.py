from __future__ import annotations

from itertools import accumulate, combinations

from hypothesis import given
from hypothesis import strategies as st

from poq.generation.batching import batch_sizes, padding_share

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40).map(
    lambda lengths: sorted(lengths, reverse=True)
)
LIMITS = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 12),
        "tokens": st.integers(1, 400),
        "output_tokens": st.integers(1, 10),
        "max_padding": st.floats(0, 0.5),
    }
)


def cut(lengths: list[int], sizes: list[int]) -> list[list[int]]:
    return [lengths[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def allowed(batches: list[list[int]], limits: dict[str, float]) -> bool:
    fit = all(
        len(batch) == 1
        or (
            len(batch) <= limits["rows"]
            and len(batch) * (batch[0] + limits["output_tokens"]) <= limits["tokens"]
        )
        for batch in batches
    )
    area = sum(len(batch) * batch[0] for batch in batches)
    padding = area - sum(map(sum, batches))
    return fit and padding <= limits["max_padding"] * area


@given(LENGTHS, LIMITS)
def test_every_request_once_within_all_bounds(lengths: list[int], limits: dict[str, float]) -> None:
    sizes = batch_sizes(lengths, **limits)  # type: ignore[arg-type]
    assert sum(sizes) == len(lengths)
    assert min(sizes) >= 1
    assert allowed(cut(lengths, sizes), limits)
    assert padding_share(cut(lengths, sizes)) <= limits["max_padding"] + 1e-12


@given(LENGTHS.map(lambda lengths: lengths[:9]), LIMITS)
def test_no_partition_is_better(lengths: list[int], limits: dict[str, float]) -> None:
    """Against all partitions of up to nine requests."""
    n = len(lengths)
    partitions = [
        [end - start for start, end in zip((0, *ends), (*ends, n), strict=True)]
        for count in range(n)
        for ends in combinations(range(1, n), count)
    ]
    possible = [sizes for sizes in partitions if allowed(cut(lengths, sizes), limits)]
    found = batch_sizes(lengths, **limits)  # type: ignore[arg-type]
    best = min((len(sizes), padding_share(cut(lengths, sizes))) for sizes in possible)
    assert (len(found), padding_share(cut(lengths, found))) == best
