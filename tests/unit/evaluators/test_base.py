from typing import Any

import pytest
from pydantic import ValidationError

from poq import kinds
from poq.evaluators.base import EncoderSettings


@pytest.mark.parametrize(("name", "value"), [("compares_with", "answer"), ("batch_size", 0)])
def test_settings_of_an_encoder(name: str, value: object) -> None:
    values = {"compares_with": "context", "scale": {"method": "fitted"}, "model": "m"}
    assert EncoderSettings.model_validate(values).batch_size == 16
    with pytest.raises(ValidationError, match=name):
        EncoderSettings.model_validate({**values, name: value})


@pytest.mark.parametrize(
    ("values", "architecture"),
    [
        ({"kind": "lexical"}, "lexical"),
        ({"kind": "bi_encoder", "model": "m"}, "bi_encoder"),
        ({"kind": "static_embedding", "model": "m"}, "static_embedding"),
        ({"kind": "cross_encoder", "model": "m"}, "cross_encoder"),
        ({"kind": "cross_encoder", "model": "m", "label": 0}, "nli"),
        ({"kind": "cross_encoder", "model": "m", "label": "entailment"}, "nli"),
    ],
)
def test_an_evaluator_tells_its_architecture(values: dict[str, Any], architecture: str) -> None:
    shared = {"compares_with": "context", "scale": {"method": "fitted"}}
    assert kinds.settings("poq.evaluators", values | shared).architecture == architecture
