from __future__ import annotations

import math
from itertools import accumulate

import pytest

from poq.generation.batching import MemoryLimit, batch_sizes, padding_share


def sizes(*lengths: int, rows: int = 9, tokens: int = 9999, padding: float = 0.1) -> list[int]:
    return batch_sizes(lengths, rows=rows, tokens=tokens, output_tokens=2, max_padding=padding)


@pytest.mark.parametrize(
    ("lengths", "limits", "expected"),
    [
        ([], {}, []),
        ([5], {}, [1]),
        # One batch would pad 8 of 3 * 10 tokens. Two: [10] [7, 5] pads 2 of 24 (8.3 %),
        # [10, 7] [5] pads 3 of 25 (12 %).
        ([10, 7, 5], {}, [1, 2]),
        # As two batches can have 2 of 24 at least, a lower bound takes three.
        ([10, 7, 5], {"padding": 0.08}, [1, 1, 1]),
        ([10, 7, 5], {"padding": 0.27}, [3]),  # 8 of 30 is 26.7 %
        ([4, 4, 3, 3], {"padding": 0.0}, [2, 2]),
        # Two even rows pay for an uneven pair that would be beyond the bound by itself (20 %):
        # [100, 100] [10, 6] pads 4 of 220 tokens, 1.8 %.
        ([100, 100, 10, 6], {"rows": 2}, [2, 2]),
        # Rows bound batches; of [2, 1] and [1, 2], which pad nothing, the last batch is small.
        ([4, 4, 4], {"rows": 2}, [2, 1]),
        # Two rows of 4 + 2 tokens are 12, three are 18.
        ([4, 4, 4, 4], {"tokens": 17}, [2, 2]),
        ([4, 4, 4, 4], {"tokens": 18}, [3, 1]),
        # 20 + 2 tokens go alone, though they are beyond the budget.
        ([20, 4, 4], {"tokens": 12}, [1, 2]),
    ],
)
def test_fewest_batches_with_least_padding(
    lengths: list[int], limits: dict[str, float], expected: list[int]
) -> None:
    assert sizes(*lengths, **limits) == expected  # type: ignore[arg-type]


def test_padding_is_counted_over_all_batches() -> None:
    # Areas 2 * 10 and 1 * 4, tokens 10 + 6 + 4: padding 4 of 24.
    assert padding_share([[10, 6], [4]]) == pytest.approx(4 / 24)
    assert padding_share([]) == 0.0


def test_large_sample_keeps_the_bound() -> None:
    lengths = [1000 - i // 5 for i in range(4000)]
    found = sizes(*lengths, rows=64, tokens=65536)
    cuts = [lengths[end - size : end] for size, end in zip(found, accumulate(found), strict=True)]
    assert padding_share(cuts) <= 0.1
    # 4,000 rows in at most 64 a batch are 63 batches; the budget allows 65 of 1,002 tokens.
    assert len(found) == 63


def test_limit_is_unknown_until_memory_runs_out_and_is_halved_again_and_again() -> None:
    limit = MemoryLimit()
    assert limit.rows(100) == math.inf
    limit.sufficed(8, 100)
    assert limit.rows(100) == math.inf
    limit.fell_short(8, 100)
    assert limit.rows(100) == 4
    # The limit is one of tokens: of half the width, twice the rows.
    assert limit.rows(50) == 8
    limit.fell_short(4, 100)
    assert limit.rows(100) == 2
    assert limit.rows(1000) == 1


def test_limit_grows_after_successes_and_waits_longer_after_a_failure() -> None:
    limit = MemoryLimit()
    limit.fell_short(8, 100)
    limit.sufficed(3, 100)  # less than the limit of 4: says nothing
    for _ in range(4):
        assert limit.rows(100) == 4
        limit.sufficed(4, 100)
    assert limit.rows(100) == 8
    limit.fell_short(8, 100)
    for _ in range(8):
        assert limit.rows(100) == 4
        limit.sufficed(4, 100)
    assert limit.rows(100) == 8
    limit.sufficed(8, 100)
    limit.fell_short(8, 100)  # not the first at this size: no attempt of ours failed
    assert limit.patience == 8
