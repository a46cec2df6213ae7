"""What holds of every composite and weighting, and what calibration does to bad dimensions."""

from functools import partial

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poq import calibration
from poq.calibration import nnls
from poq.calibration.composite import composite, normalized
from poq.calibration.composite import given as given_weights
from poq.calibration.ladder import calibrate
from poq.calibration.sample import Sample
from poq.streams import stream

UNIT = st.floats(0, 1).map(lambda value: round(value, 3))
SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = arrays(np.float64, 4, elements=UNIT)
VALUES = arrays(np.float64, (12, 4), elements=UNIT | st.just(np.nan))
QUALITY = arrays(np.float64, 12, elements=UNIT)


def sample(values: np.ndarray, quality: np.ndarray, default: np.ndarray) -> Sample:
    prompts = np.arange(len(quality)) // 2
    rng = partial(np.random.default_rng, 5)
    return Sample(values, quality, prompts, default, 0.1, 100, 0.9, rng)


@pytest.mark.parametrize("name", calibration.weightings())
@given(VALUES, QUALITY, WEIGHTS)
@settings(max_examples=30)
def test_fitted_weights_add_up_to_one_or_are_all_zero(
    name: str, values: np.ndarray, quality: np.ndarray, default: np.ndarray
) -> None:
    weights = calibration.load(name).fit(sample(values, quality, default))
    assert weights.shape == (4,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1) or (weights == 0).all()


@given(VALUES, WEIGHTS)
def test_a_composite_lies_among_the_dimensions_that_count(
    values: np.ndarray, weights: np.ndarray
) -> None:
    for found, row in zip(composite(values, normalized(weights)), values, strict=True):
        counting = row[np.isfinite(row) & (weights > 0)]
        if len(counting):
            assert counting.min() - 1e-12 <= found <= counting.max() + 1e-12
        else:
            assert np.isnan(found)


@given(VALUES, WEIGHTS, st.floats(0.01, 100))
def test_the_scale_of_default_weights_changes_nothing(
    values: np.ndarray, weights: np.ndarray, scale: float
) -> None:
    names = "abcd"
    once, scaled = (
        given_weights(dict(zip(names, found, strict=True))) for found in (weights, scale * weights)
    )
    for name, found in once.items():
        np.testing.assert_allclose(scaled[name], found)
        np.testing.assert_allclose(composite(values, scaled[name]), composite(values, found))


@given(arrays(np.float64, (12, 4), elements=UNIT), QUALITY, SEEDS)
def test_nnls_has_the_least_squared_error_and_the_greatest_correlation(
    values: np.ndarray, quality: np.ndarray, seed: int
) -> None:
    x, y = values - values.mean(axis=0), quality - quality.mean()
    found = nnls.coefficients(values, quality)
    error = np.square(x @ found - y).sum()
    for other in np.random.default_rng(seed).exponential(size=(20, 4)):
        best = max(0, (x @ other) @ y / max(np.square(x @ other).sum(), 1e-12))
        for scaled in (other, best * other):
            assert error <= np.square(x @ scaled - y).sum() + 1e-9
        if found.sum() > 0.01 and min((x @ other).std(), (x @ found).std(), y.std()) > 0.01:
            r, r_other = (np.corrcoef(x @ w, y)[0, 1] for w in (found, other))
            assert r >= r_other - 1e-6


def study(seed: int, prompts: int, models: int = 6) -> dict[str, pl.DataFrame]:
    """Outputs of a network: prompts differ in difficulty, models in skill, judgements in noise.

    Dimensions: one that sees quality well, one that sees it poorly, one that knows the model
    alone; a random one; and the negative of the first.
    """
    rng = np.random.default_rng(seed)
    easy, skill = rng.normal(0, 0.15, (prompts, 1)), np.linspace(-0.15, 0.15, models)
    quality = np.clip(0.5 + easy + skill + rng.normal(0, 0.15, (prompts, models)), 0, 1)
    # Errors of a dimension on one prompt go together.
    noise = [
        rng.normal(0, s, (prompts, 1)) + rng.normal(0, s, (prompts, models)) for s in (0.05, 0.15)
    ]
    good = np.clip(quality + noise[0], 0, 1)
    columns = {
        "good": good,
        "poor": np.clip(quality + noise[1], 0, 1),
        "prior": np.clip(0.5 + skill, 0, 1) * np.ones_like(quality),
        "random": rng.uniform(size=quality.shape),
        "negated": 1 - good,
    }
    keys = pl.DataFrame(
        {
            "prompt_id": np.repeat([f"p{i:04}" for i in range(prompts)], models),
            "model": np.tile([f"m{i}" for i in range(models)], prompts),
        }
    ).with_columns(
        task=pl.lit("qa"),
        split=pl.Series(np.repeat(np.arange(prompts) % 5 < 2, models)).replace_strict(
            {True: "calibration", False: "test"}, return_dtype=pl.String
        ),
    )
    score = keys.select(
        "prompt_id", "model", evaluator=pl.lit("e"), score=pl.Series(10 * good.ravel())
    )
    return {
        "dimensions": keys.with_columns(**{k: pl.Series(v.ravel()) for k, v in columns.items()}),
        "quality": keys.with_columns(token_f1=pl.Series(quality.ravel())),
        "scores": score,
    }


WEIGHED = {"good": 0.25, "poor": 0.2, "prior": 0.15, "random": 0.2, "negated": 0.2}


@given(SEEDS)
@settings(max_examples=5)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rows = study(seed, prompts=10)

    def ladder(frames: dict[str, pl.DataFrame]) -> list[pl.DataFrame]:
        found = calibrate(
            frames["dimensions"], frames["quality"], frames["scores"], weights=WEIGHED,
            reference_based=dict.fromkeys(WEIGHED, False), compares_with={"e": "context"},
            references={"qa": "token_f1"}, minimum=0.1, resamples=100, confidence=0.9, seed=1,
        )  # fmt: skip
        return list(found)

    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in rows.items()
    }
    for found, other in zip(ladder(rows), ladder(shuffled), strict=True):
        assert found.equals(other)


def test_useless_and_harmful_dimensions_are_dropped_in_more_than_19_of_20_seeds() -> None:
    dropped = 0
    seeds = range(100)
    for seed in seeds:
        rows = study(seed, prompts=160)
        fitting = rows["dimensions"].filter(split="calibration")
        chosen = Sample(
            fitting.select(*WEIGHED).to_numpy(),
            rows["quality"].filter(split="calibration")["token_f1"].to_numpy(),
            fitting["prompt_id"].to_numpy(),
            np.array([*WEIGHED.values()]),
            minimum=0.1,
            resamples=400,
            confidence=0.95,
            rng=partial(stream, seed, "audit", "qa", "calibration"),
        )
        weights = dict(zip(WEIGHED, calibration.load("reliable").fit(chosen), strict=True))
        dropped += weights["random"] == weights["negated"] == 0
        # What sees quality well is never dropped with them.
        assert weights["good"] > 0.25
    assert dropped / len(seeds) > 19 / 20
