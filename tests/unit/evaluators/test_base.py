from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from poq import kinds
from poq.evaluators.base import EncoderSettings
from poq.evaluators.scale import FittedScale, FixedScale, Scale

SCALE: TypeAdapter[FixedScale | FittedScale] = TypeAdapter(Scale)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"method": "fixed", "low": -1, "high": 1}, FixedScale(low=-1, high=1)),
        ({"method": "fitted"}, FittedScale(low_quantile=0.05, high_quantile=0.95)),
        (
            {"method": "fitted", "low_quantile": 0, "high_quantile": 1},
            FittedScale(low_quantile=0, high_quantile=1),
        ),
    ],
)
def test_a_scale_is_told_by_its_method(values: dict[str, Any], expected: object) -> None:
    assert SCALE.validate_python(values) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "fixed", "low": 1, "high": 1}, "expected low below high"),
        ({"method": "fixed", "low": 2, "high": 1}, "expected low below high"),
        ({"method": "fixed", "low": float("nan"), "high": 1}, "finite number"),
        ({"method": "fixed", "low": 0}, "Field required"),
        ({"method": "fitted", "low_quantile": 0.5}, "less than 0.5"),
        ({"method": "fitted", "high_quantile": 0.5}, "greater than 0.5"),
        ({"method": "fitted", "high_quantile": 1.1}, "less than or equal to 1"),
        ({"method": "fitted", "low": 0}, "Extra inputs"),
    ],
)
def test_a_scale_without_sense_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SCALE.validate_python(values)


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
    ],
)
def test_an_evaluator_tells_its_architecture(values: dict[str, Any], architecture: str) -> None:
    shared = {"compares_with": "context", "scale": {"method": "fitted"}}
    assert kinds.settings("poq.evaluators", values | shared).architecture == architecture
