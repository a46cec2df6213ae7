import pytest

from poq.metrics.squad import exact_match, normalized_tokens, token_f1


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The Denver Broncos!", ["denver", "broncos"]),
        ("  a\tcat\n sat  ", ["cat", "sat"]),
        ("U.S. twenty-one", ["us", "twentyone"]),  # punctuation is dropped, not replaced
        ("theatre an hour another", ["theatre", "hour", "another"]),  # articles are whole words
        ("A.", []),
        ("the", []),
        ("...", []),
        ("", []),
        ("a-the", ["athe"]),  # punctuation goes first, as in the official script
        ("Café «naïve»", ["café", "«naïve»"]),  # only ASCII punctuation goes
    ],
)
def test_normalization(text: str, tokens: list[str]) -> None:
    assert normalized_tokens(text) == tokens


@pytest.mark.parametrize(
    ("output", "references", "f1"),
    [
        # 2 common of 2 and 4 words: precision 1, recall 1/2, F1 = 2 * 1/2 / (3/2) = 2/3
        ("the cat sat", ["a cat sat on mat"], 2 / 3),
        # words count as often as they occur: 2 common of 3 and 2, F1 = 2 * 2 / 5
        ("la la la", ["la la"], 0.8),
        ("sat cat", ["cat sat"], 1.0),  # order does not count
        ("Mayor Clara Voss.", ["mayor clara voss"], 1.0),
        ("oak", ["elm"], 0.0),
        ("oak wood", ["elm", "oak", "the old oak"], 2 / 3),  # best: 1 common of 2 and 1
        ("", ["oak"], 0.0),
        ("oak", ["the"], 0.0),
        ("", ["the"], 1.0),  # neither has a word: SQuAD 2.0
    ],
)
def test_token_f1(output: str, references: list[str], f1: float) -> None:
    assert token_f1(output, references) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("output", "references", "match"),
    [
        ("The Denver Broncos!", ["Denver Broncos"], 1.0),
        ("broncos denver", ["Denver Broncos"], 0.0),  # order counts
        ("Denver", ["Broncos", "denver"], 1.0),
        ("Denver Broncos", ["Denver"], 0.0),
        ("...", ["a"], 1.0),
        ("", ["oak"], 0.0),
    ],
)
def test_exact_match(output: str, references: list[str], match: float) -> None:
    assert exact_match(output, references) == match


def test_no_reference_is_refused() -> None:
    with pytest.raises(ValueError):
        token_f1("oak", [])
    with pytest.raises(ValueError):
        exact_match("oak", [])
