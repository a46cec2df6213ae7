from collections.abc import Sequence

import pytest

from poq.streams import stream


def draws(seed: int, *names: str) -> list[int]:
    numbers: Sequence[int] = stream(seed, *names).integers(2**62, size=4).tolist()
    return list(numbers)


def test_the_same_seed_and_names_give_the_same_numbers() -> None:
    first = draws(7, "sample", "qa")
    draws(7, "other")
    assert draws(7, "sample", "qa") == first


@pytest.mark.parametrize(
    "other",
    [(8, "a", "b"), (7, "a"), (7,), (7, "b", "a"), (7, "ab"), (7, "a", "b", "")],
    ids=str,
)
def test_any_other_seed_or_name_gives_other_numbers(other: tuple[int, ...]) -> None:
    seed, *names = other
    assert draws(seed, *map(str, names)) != draws(7, "a", "b")
