import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poq.errors import PoqError
from poq.evaluators.base import NetworkScorer, Scorer
from poq.evaluators.cross_encoder import Settings, load
from tests.unit.evaluators.conftest import MakeClassifier
from tests.unit.evaluators.stand_ins import NLI, NLI_ENTAILMENT_FIRST, Kind
from tests.unit.evaluators.stand_ins import save_classifier as save_kind

SCALE = {"method": "fixed", "low": 0, "high": 1}
OUTPUTS = ["the cat sat", "dog", "until the cat ran"]
TARGETS = ["the dog ran", "the cat sat on the mats.", "?"]


def load_cross_encoder(folder: Path, **values: Any) -> Scorer:
    settings = {"kind": "cross_encoder", "model": "tiny", "compares_with": "context", **values}
    return load(Settings.model_validate({"scale": SCALE, **settings}), folder, "cpu")


def test_one_label_gives_the_sigmoid_of_its_logit(classifier: MakeClassifier) -> None:
    # sigmoid(ln 3) = 3 / (3 + 1)
    score = load_cross_encoder(classifier([math.log(3)]))
    np.testing.assert_allclose(score(OUTPUTS, TARGETS), [0.75] * 3, rtol=1e-6)


def test_one_label_goes_through_the_activation_of_the_folder(classifier: MakeClassifier) -> None:
    identity = {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}
    score = load_cross_encoder(classifier([math.log(3)], extra=identity))
    np.testing.assert_allclose(score(OUTPUTS, TARGETS), [math.log(3)] * 3, rtol=1e-6)


@pytest.mark.parametrize(("label", "probability"), [(0, 1 / 8), (1, 2 / 8), (2, 5 / 8)])
def test_several_labels_give_the_probability_of_one(
    classifier: MakeClassifier, label: int, probability: float
) -> None:
    # softmax(ln 1, ln 2, ln 5) = (1, 2, 5) / 8
    score = load_cross_encoder(classifier([0.0, math.log(2), math.log(5)]), label=label)
    np.testing.assert_allclose(score(OUTPUTS, TARGETS), [probability] * 3, rtol=1e-6)
    assert score(OUTPUTS[:1], TARGETS[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        (1, 0, "no label, which is for several"),
        (1, "entailment", "no label, which is for several"),
        (3, None, "one of 0 (LABEL_0), 1 (LABEL_1), 2 (LABEL_2)"),
        (3, 3, "one of 0 (LABEL_0), 1 (LABEL_1), 2 (LABEL_2)"),
        (3, -1, "one of 0 (LABEL_0), 1 (LABEL_1), 2 (LABEL_2)"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(
    classifier: MakeClassifier, labels: int, label: int | str | None, expected: str
) -> None:
    folder = classifier([0.0] * labels)
    with pytest.raises(PoqError) as error:
        load_cross_encoder(folder, label=label)
    assert str(error.value) == (
        f"{folder}: label is {label!r}, the checkpoint has {labels} label(s); expected {expected}"
    )


@pytest.mark.parametrize("labels", [NLI, NLI_ENTAILMENT_FIRST])
def test_a_class_has_a_name_wherever_it_stands(
    labels: dict[int, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # softmax(ln 1, ln 2, ln 7) = (1, 2, 7) / 10
    logits = {"contradiction": 0.0, "neutral": math.log(2), "entailment": math.log(7)}
    folder = save_kind(tmp_path, "deberta-v2", labels, **logits)
    for label in ("entailment", "Entailment", min(i for i in labels if labels[i] == "entailment")):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            score = load_cross_encoder(folder, label=label)
        np.testing.assert_allclose(score(OUTPUTS, TARGETS), [0.7] * 3, rtol=1e-6)
        index = {name: i for i, name in labels.items()}["entailment"]
        assert f"raw value: probability of label {index}, 'entailment'" in caplog.messages
    with pytest.raises(PoqError) as error:
        load_cross_encoder(folder, label="entails")
    listed = ", ".join(f"{i} ({name})" for i, name in labels.items())
    assert str(error.value) == (
        f"{folder}: label is 'entails', the checkpoint has 3 label(s); expected one of {listed}"
    )


def test_the_target_is_read_first_and_batches_do_not_matter(classifier: MakeClassifier) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = classifier([0.0], random=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    expected = []
    for output, target in zip(OUTPUTS, TARGETS, strict=True):
        with torch.no_grad():
            logit = model(**tokenizer(target, output, return_tensors="pt")).logits.item()
        expected.append(1 / (1 + math.exp(-logit)))
    assert np.ptp(expected) > 0.01  # or else the order could not be seen
    for batch_size in (1, 2, 16):
        found = load_cross_encoder(folder, batch_size=batch_size)(OUTPUTS, TARGETS)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    swapped = load_cross_encoder(folder)(TARGETS, OUTPUTS)
    assert np.abs(swapped - expected).max() > 0.001


def test_the_longer_text_is_cut(classifier: MakeClassifier) -> None:
    # 8 tokens are [CLS] and two [SEP], two of the output, three of the target
    score = load_cross_encoder(classifier([0.0], random=True), max_length=8)
    long, cut, longer = score(
        ["the cat"] * 3, ["dog ran on the mat until cat sat", "dog ran on", "dog ran"]
    )
    assert long == pytest.approx(cut, rel=1e-6)
    assert cut != pytest.approx(longer, rel=1e-6)


def test_no_more_is_read_than_the_model_can(classifier: MakeClassifier) -> None:
    # The model has 64 positions.
    score = load_cross_encoder(classifier([0.0], random=True))
    assert np.isfinite(score(["the cat"], ["dog " * 300])).all()


def test_an_encoder_without_a_classification_head_is_refused(encoder: Path) -> None:
    with pytest.raises(PoqError):
        load_cross_encoder(encoder)


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_windows_of_a_long_target_are_scored_one_by_one(
    kind: Kind, pool: str, tmp_path: Path
) -> None:
    # Of 16 tokens, a pair of BERT and DeBERTa has three special ones, of RoBERTa four; with the
    # two of the output they leave 11 or 10. The sentences have 8, 6 and 5 tokens.
    sentences = ["1 the cat sat the dog ran.", "1 the dog ran ran.", "1 cat sat ran."]
    long = " ".join(sentences)
    # 6 and 5 tokens fit in 11, not in 10.
    last = sentences[1:] if kind == "roberta" else [" ".join(sentences[1:])]
    parts = [f" {part}" for part in (sentences[0], *last)]
    folder = save_kind(tmp_path, kind, {0: "LABEL_0"})
    scorer = load_cross_encoder(folder, max_length=16, windows={"pool": pool})
    assert isinstance(scorer, NetworkScorer)
    each = load_cross_encoder(folder, max_length=16)([" cat sat"] * len(parts), parts)
    found = scorer([" cat sat", " cat sat"], [long, sentences[0]])
    assert found[0] == pytest.approx(each.max() if pool == "max" else each.mean(), abs=1e-6)
    cut = load_cross_encoder(folder, max_length=16)([" cat sat"] * 2, [long, sentences[0]])
    assert found[1] == pytest.approx(cut[1], abs=1e-6)
    assert found[0] != pytest.approx(cut[0], abs=1e-4)
    read = scorer.reading([" cat sat", " cat" * 20], [long, sentences[0]])
    assert read.target_tokens_read.tolist() == read.target_tokens.tolist()
    # The second output leaves the target 13 - 6 or 12 - 6 tokens, too few for its 8: of the window
    # that is left the first 6 and of the output the rest.
    assert read.output_tokens_read[0] == 2
    assert read.output_tokens_read[1] in (6, 7)
