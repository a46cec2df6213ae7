import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from poq.provenance import digest

TEXT = st.text("abé\n", max_size=4)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def reordered(value: Any, rng: random.Random) -> Any:
    """The same JSON value with the keys of every object in another order."""
    if isinstance(value, list):
        return [reordered(item, rng) for item in value]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda _: rng.random())
        return {key: reordered(value[key], rng) for key in keys}
    return value


@given(JSON, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(value: Any, rng: random.Random) -> None:
    assert digest(reordered(value, rng)) == digest(value)
    assert len(digest(value)) == 16


@given(JSON)
def test_what_stands_in_a_list_or_under_a_key_counts(value: Any) -> None:
    assert len({digest(value), digest([value]), digest([value, value]), digest({"k": value})}) == 4
