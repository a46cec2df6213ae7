import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poq.corpus.prompts import assign_splits

CONTEXTS = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(
    lambda contexts: len(set(contexts)) > 1
)
SHARES = {"training": 0.2, "calibration": 0.4}


@given(CONTEXTS, st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_contexts_stay_together_and_no_split_is_empty(
    contexts: list[str], calibration: float, seed: int
) -> None:
    splits = assign_splits(contexts, {"calibration": calibration}, np.random.default_rng(seed))
    assert len(splits) == len(contexts)
    assert set(splits) == {"calibration", "test"}
    assert len(set(zip(contexts, splits, strict=True))) == len(set(contexts))


@given(CONTEXTS, st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_the_share_is_reached_with_no_context_to_spare(
    contexts: list[str], calibration: float, seed: int
) -> None:
    splits = assign_splits(contexts, {"calibration": calibration}, np.random.default_rng(seed))
    held = splits.count("calibration")
    drawn = {c for c, split in zip(contexts, splits, strict=True) if split == "calibration"}
    only_one_left = len(drawn) == len(set(contexts)) - 1
    assert held >= calibration * len(contexts) or only_one_left
    assert held - max(map(contexts.count, drawn)) < calibration * len(contexts)


@given(CONTEXTS.filter(lambda contexts: len(set(contexts)) > 2), st.integers(0, 2**32))
def test_the_order_of_prompts_does_not_matter(contexts: list[str], seed: int) -> None:
    forward = assign_splits(contexts, SHARES, np.random.default_rng(seed))
    backward = assign_splits(contexts[::-1], SHARES, np.random.default_rng(seed))
    assert backward[::-1] == forward
