import string

from hypothesis import given
from hypothesis import strategies as st

from poq.metrics.squad import exact_match, token_f1

WORDS = st.sampled_from(["cat", "dog", "oak", "the", "an", "U.S.", "1911", "Café"])
TEXTS = st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(max_size=20))
ASCII_WORDS = st.lists(st.sampled_from(["cat", "dog", "oak", "sat"]), max_size=6)


@given(TEXTS, TEXTS)
def test_f1_is_symmetric_and_in_the_unit_interval(a: str, b: str) -> None:
    assert token_f1(a, [b]) == token_f1(b, [a])
    assert 0 <= token_f1(a, [b]) <= 1


@given(TEXTS, TEXTS)
def test_exact_match_implies_full_f1(a: str, b: str) -> None:
    assert token_f1(a, [a]) == exact_match(a, [a]) == 1
    assert exact_match(a, [b]) in (0, 1)
    assert exact_match(a, [b]) <= token_f1(a, [b])


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=4))
def test_the_best_reference_counts(output: str, references: list[str]) -> None:
    for metric in (token_f1, exact_match):
        assert metric(output, references) == max(metric(output, [r]) for r in references)


@given(ASCII_WORDS, ASCII_WORDS, st.data())
def test_articles_punctuation_case_and_space_do_not_count(
    output: list[str], reference: list[str], data: st.DataObject
) -> None:
    dressed = []
    for word in output:
        article = data.draw(st.sampled_from(["", "a ", "An  ", "the\n"]))
        mark = data.draw(st.sampled_from(string.punctuation))
        dressed.append(article + data.draw(st.sampled_from([word, word.upper()])) + mark)
    text, plain, references = " ".join(dressed), " ".join(output), [" ".join(reference)]
    assert token_f1(text, references) == token_f1(plain, references)
    assert exact_match(text, references) == exact_match(plain, references)
