import pytest

from poq.metrics.rouge import METRICS, rouge

REFERENCE = "police killed the gunman"


@pytest.mark.parametrize(
    ("output", "references", "expected"),
    [
        # Lin (2004), sec. 3.2; its stemmed forms agree, so the first is perfect.
        ("police kill the gunman", [REFERENCE], (1, 1, 1)),
        # All 4 words; bigram "the gunman" of 3 and 3; longest common subsequence 2 of 4 and 4.
        ("the gunman kill police", [REFERENCE], (1, 1 / 3, 1 / 2)),
        # Bigrams "the gunman" and "police kill" of 3 and 3; subsequence 2 of 4 and 4.
        ("the gunman police killed", [REFERENCE], (1, 2 / 3, 1 / 2)),
        # Google's example, 8 and 9 words. Common words the, the, quick, brown, dog, jumps: 12/17.
        # Bigrams "the quick", "quick brown" of 7 and 8: 4/15. Subsequence "the quick brown jumps
        # the": 10/17.
        (
            "The quick brown dog jumps on the log.",
            ["The quick brown fox jumps over the lazy dog"],
            (12 / 17, 4 / 15, 10 / 17),
        ),
        # Each metric takes its own best reference: words 1 (first), bigrams 1/2 (second: "x y" of
        # 2 and 2), subsequence 2/3 (second: "x y" of 3 and 3; first: 1 of 3 and 3).
        ("x y z", ["z y x", "x y q"], (1, 1 / 2, 2 / 3)),
        ("oak", ["oak"], (1, 0, 1)),  # a single word has no bigram
        ("", [REFERENCE], (0, 0, 0)),
        ("...", ["..."], (0, 0, 0)),
    ],
)
def test_published_and_hand_derived_values(
    output: str, references: list[str], expected: tuple[float, ...]
) -> None:
    assert rouge(output, references) == pytest.approx(dict(zip(METRICS, expected, strict=True)))


def test_no_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        rouge("oak", [])
