from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

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
