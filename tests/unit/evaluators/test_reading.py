from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from poq import kinds
from poq.errors import PoqError
from poq.evaluators.base import NetworkScorer, WindowSettings
from poq.evaluators.reading import TokenCounter, beyond, pair_read, pooled, windows
from tests.unit.evaluators import stand_ins
from tests.unit.evaluators.stand_ins import Kind, save_bi_encoder, save_classifier, tokenizer

KINDS = get_args(Kind)
SCALE = {"method": "fixed", "low": 0, "high": 1}
# A bi-encoder reads these lengths less the two special tokens of a text.
READ = {"bert": 254, "roberta": 73, "deberta-v2": 510}


def load(kind: str, folder: Path, **values: Any) -> NetworkScorer:
    shared = {"kind": kind, "model": "tiny", "compares_with": "context", "scale": SCALE}
    settings = kinds.settings("poq.evaluators", shared | values)
    scorer = kinds.load("poq.evaluators", kind).load(settings, folder, "cpu")
    assert isinstance(scorer, NetworkScorer)
    return scorer


def text(words: int) -> str:
    """Return a text of that many tokens for every kind of tokenizer."""
    return " ".join(["", *["the cat sat ran dog"] * (words // 5), *["the"] * (words % 5)])


@pytest.fixture(scope="module")
def bi_encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_bi_encoder(tmp_path_factory.mktemp("bi"), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    one = {0: "LABEL_0"}
    return {kind: save_classifier(tmp_path_factory.mktemp("ce"), kind, one) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bi_encoder_reads_as_much_as_its_own_configuration_says(
    kind: str, bi_encoders: dict[str, Path]
) -> None:
    scorer, most = load("bi_encoder", bi_encoders[kind]), READ[kind]
    assert scorer.limit == most + 2
    outputs, targets = [text(3), text(most), text(2)], [text(most + 1), text(2), text(700)]
    found = scorer.reading(outputs, targets)
    assert found.target_tokens.tolist() == [most + 1, 2, 700]
    assert found.target_tokens_read.tolist() == [most, 2, most]
    assert found.output_tokens.tolist() == found.output_tokens_read.tolist() == [3, most, 2]
    # What is beyond does not matter, and the last token that is read does.
    same, other = text(most) + " cat dog", text(most - 1) + " dog"
    a, b, c = scorer([text(5)] * 3, [text(most), same, other])
    assert a == pytest.approx(b, abs=1e-6)
    assert a != pytest.approx(c, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_counts_are_those_of_what_the_model_is_given(
    kind: str, bi_encoders: dict[str, Path], classifiers: dict[str, Path]
) -> None:
    texts = ["the cat: sat?", text(40), text(90), text(300), "q.", text(600), "uv the  cat\nsat"]
    scorer = load("bi_encoder", bi_encoders[kind])
    model: Any = scorer.network
    given = [int(model.preprocess([shown])["attention_mask"].sum()) - 2 for shown in texts]
    assert scorer.reading(texts, texts).output_tokens_read.tolist() == given
    scorer = load("cross_encoder", classifiers[kind])
    model = scorer.network
    special = {"roberta": 4}.get(kind, 3)
    pairs = list(product(texts, texts))
    found = scorer.reading(*zip(*pairs, strict=True))
    read = (found.target_tokens_read + found.output_tokens_read).tolist()
    given = [int(model.preprocess([(t, o)])["attention_mask"].sum()) for o, t in pairs]
    assert read == [tokens - special for tokens in given]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("evaluator", ["bi_encoder", "cross_encoder"])
def test_max_length_is_a_key_and_at_most_the_positions(
    kind: str, evaluator: str, bi_encoders: dict[str, Path], classifiers: dict[str, Path]
) -> None:
    folder = (bi_encoders if evaluator == "bi_encoder" else classifiers)[kind]
    assert load(evaluator, folder, max_length=20).limit == 20
    # RoBERTa's table has 514 rows, two of which stand for padding.
    scorer = load(evaluator, folder, max_length=512)
    assert scorer.limit == 512
    assert np.isfinite(scorer([text(600)], [text(600)])).all()
    with pytest.raises(PoqError) as error:
        load(evaluator, folder, max_length=513)
    assert str(error.value) == (
        f"{folder}: max_length is 513; expected at most 512, the positions that the model has"
    )


def test_a_length_of_its_own_beyond_the_positions_is_not_taken(tmp_path: Path) -> None:
    # As of a RoBERTa whose folder states its 514 rows: token 513 has no position.
    scorer = load("bi_encoder", save_bi_encoder(tmp_path, "roberta", max_seq_length=514))
    assert scorer.limit == 512
    assert np.isfinite(scorer([text(600)], [text(5)])).all()


def test_pairs_are_cut_as_the_tokenizer_cuts_them() -> None:
    own, sizes = tokenizer("bert"), range(1, 12)
    for room in (6, 7):
        pairs = np.array(list(product(sizes, sizes)))
        found = np.stack(pair_read(pairs[:, 0], pairs[:, 1], room), axis=1)
        for (first, second), read in zip(pairs.tolist(), found.tolist(), strict=True):
            shown = own(text(first), text(second), truncation="longest_first", max_length=room + 3)
            ids = shown.sequence_ids(0)
            assert [ids.count(0), ids.count(1)] == read, (first, second, room)
    assert [side.tolist() for side in pair_read(pairs[:, 0], pairs[:, 1], None)] == pairs.T.tolist()


def test_a_cross_encoder_cuts_the_longer_text(classifiers: dict[str, Path]) -> None:
    # BERT: three special tokens, so 17 of 20. Both cut to 8 and 9; the longer to 17 - 3.
    scorer = load("cross_encoder", classifiers["bert"], max_length=20)
    found = scorer.reading([text(30), text(3), text(3)], [text(40), text(40), text(14)])
    assert found.target_tokens_read.tolist() == [9, 14, 14]
    assert found.output_tokens_read.tolist() == [8, 3, 3]


def words(texts: list[str]) -> list[list[str]]:
    return [shown.split() for shown in texts]


def test_windows_are_as_many_whole_sentences_as_fit() -> None:
    count = TokenCounter(words)
    story = "Ann ran. Bo sat on. Cy? Di went far away now. Ed."
    assert windows(story, 12, count) == [story]
    # 2, 3 and 1 tokens are six, and so are the 5 and 1 of the last two sentences.
    assert windows(story, 6, count) == [" Ann ran. Bo sat on. Cy?", " Di went far away now. Ed."]
    # The sentence of five words does not fit in four: its words are packed like sentences.
    assert windows(story, 4, count) == [
        " Ann ran.",
        " Bo sat on. Cy?",
        " Di went far away",
        " now. Ed.",
    ]
    assert windows("one two three", 1, count) == [" one", " two", " three"]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_fit_and_lose_nothing(kind: Kind) -> None:
    own = tokenizer(kind)
    count = TokenCounter(lambda texts: own(texts, add_special_tokens=False)["input_ids"])
    story = "The cat sat on the dog. The dog ran! Why? " * 9 + text(50)
    for room in (20, 33):
        found = windows(story, room, count)
        assert " ".join(found).split() == story.split()
        assert len(found) > 3
        assert count(found).max() <= room


def test_values_of_windows_are_pooled() -> None:
    values = np.array([0.5, 0.1, 0.9, 0.2, 0.4])
    # [0.5], [0.1, 0.9], [0.2, 0.4]
    assert pooled(values, [1, 2, 2], WindowSettings(pool="max")).tolist() == [0.5, 0.9, 0.4]
    mean = pooled(values, [1, 2, 2], WindowSettings(pool="mean"))
    assert mean.tolist() == pytest.approx([0.5, 0.5, 0.3])
    assert pooled(values, [1] * 5, None) is values


def test_what_is_beyond_the_room_is_cut() -> None:
    assert beyond(np.array([3, 5, 9]), 5).tolist() == [0, 0, 4]
    assert beyond(np.array([3, 5, 9]), None).tolist() == [0, 0, 0]


def test_each_distinct_text_is_tokenised_once() -> None:
    shown: list[str] = []

    def tokenize(texts: list[str]) -> list[list[str]]:
        shown.extend(texts)
        return words(texts)

    count = TokenCounter(tokenize)
    assert count(["a b", "c", "a b"]).tolist() == [2, 1, 2]
    assert shown == ["a b", "c"]
    assert count([]).tolist() == []


def test_the_stand_ins_read_what_the_published_models_read() -> None:
    assert {kind: length - 2 for kind, length in stand_ins.MAX_SEQ_LENGTH.items()} == READ
