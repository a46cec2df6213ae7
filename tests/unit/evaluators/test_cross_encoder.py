import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poq.errors import PoqError
from poq.evaluators.base import Scorer
from poq.evaluators.cross_encoder import Settings, load
from tests.unit.evaluators.conftest import MakeClassifier

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


@pytest.mark.parametrize(("labels", "label"), [(1, 0), (3, None), (3, 3)])
def test_a_label_that_does_not_fit_is_refused(
    classifier: MakeClassifier, labels: int, label: int | None
) -> None:
    folder = classifier([0.0] * labels)
    with pytest.raises(PoqError) as error:
        load_cross_encoder(folder, label=label)
    assert str(error.value) == (
        f"{folder}: label is {label}, the checkpoint has {labels} label(s); "
        "expected no label for one, an index below their number for several"
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
    # The model has 64 positions, the default of max_length is 512.
    score = load_cross_encoder(classifier([0.0], random=True))
    assert np.isfinite(score(["the cat"], ["dog " * 300])).all()


def test_an_encoder_without_a_classification_head_is_refused(encoder: Path) -> None:
    with pytest.raises(PoqError):
        load_cross_encoder(encoder)
