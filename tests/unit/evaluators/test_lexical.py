import numpy as np
import pytest

from poq.evaluators.lexical import Settings, load, precision


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ("the cat sat", "A cat sat on the mat.", 1.0),  # cat and sat, both there
        ("cat sat down", "a cat sat on the mat", 2 / 3),
        ("cat cat cat", "cat, cat and dog", 2 / 3),  # clipped at the target's two
        ("mat the on sat", "the cat sat on mat", 1.0),  # order is not seen
        ("the cat sat on the mat", "cat", 1 / 4),  # precision, not recall: 1 of 4
        ("cat", "cat sat on mat", 1.0),
        ("dog", "cat", 0.0),
        ("the", "the", 0.0),  # no word left
        ("...", "cat", 0.0),
        ("cat", "", 0.0),
    ],
)
def test_clipped_unigram_precision(output: str, target: str, expected: float) -> None:
    np.testing.assert_allclose(precision([output], [target]), [expected])


def test_pairs_keep_their_order() -> None:
    found = precision(["cat", "dog", "dog"], ["cat", "cat", "dog"])
    np.testing.assert_array_equal(found, [1, 0, 1])


def test_nothing_gives_nothing() -> None:
    assert precision([], []).shape == (0,)


def test_outputs_and_targets_are_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        precision(["cat", "dog"], ["cat"])


def test_load_needs_no_model() -> None:
    settings = Settings.model_validate(
        {"kind": "lexical", "compares_with": "context", "scale": {"method": "fitted"}}
    )
    np.testing.assert_array_equal(load(settings, None, "cpu")(["cat"], ["cat"]), [1])
