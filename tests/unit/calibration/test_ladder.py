from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from poq import tables
from poq.audit import audit
from poq.calibration import weightings
from poq.calibration.ladder import Calibration, calibrate
from poq.metrics.correlation import correlations
from tests.conftest import Frames

PROMPTS, MODELS = 8, 3
SETTINGS: dict[str, Any] = {
    "weights": {"near": 3.0, "far": 1.0, "seen": 1.0},
    "reference_based": {"near": False, "far": False, "seen": True},
    "compares_with": {
        "good": "reference",
        "fair": "context",
        "bad": "question",
        "judge": "context",
    },
    "references": {"qa": "token_f1", "summarization": "rougeL"},
    "minimum": 0.1,
    "resamples": 200,
    "confidence": 0.9,
    "seed": 3,
}


@pytest.fixture
def run(frame: Frames) -> dict[str, pl.DataFrame]:
    """Two tasks, eight prompts each, half of them for calibration; three outputs a prompt.

    ``near`` and ``seen`` are quality with noise, ``far`` falls with it; the judge scored outputs
    of the test split alone.
    """
    rng = np.random.default_rng(0)
    keys = [
        (f"{task[0]}{i}", f"m{m}", task, "test" if i % 2 else "calibration")
        for task in ("qa", "summarization")
        for i in range(PROMPTS)
        for m in range(MODELS)
    ]
    names = ["prompt_id", "model", "task", "split"]
    columns = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    n = len(keys)
    quality = rng.uniform(size=n)
    noisy = {
        k: np.clip(quality + rng.normal(0, s, n), 0, 1) for k, s in (("near", 0.2), ("seen", 0.05))
    }
    scores = {
        "good": 10 * noisy["seen"],
        "fair": 10 * np.clip(quality + rng.normal(0, 0.3, n), 0, 1),
        "bad": 10 * rng.uniform(size=n),
    }
    test = np.array(columns["split"]) == "test"
    judged = [float(q) if t else None for q, t in zip(10 * quality, test, strict=True)]
    is_qa = np.array(columns["task"]) == "qa"
    return {
        "dimensions": frame("dimensions", **columns).with_columns(
            **{name: pl.Series(values) for name, values in noisy.items()},
            **{"far": pl.Series(1 - quality), "near.signal": pl.Series(quality)},
        ),
        # Each task's own reference has the quality; the other column would mislead.
        "quality": frame(
            "reference_quality", **columns, token_f1=np.where(is_qa, quality, 0.5).tolist(),
            rougeL=np.where(is_qa, 0.5, quality).tolist(),
        ),
        "scores": pl.concat(
            frame("scores", **columns, evaluator=name, score=values)
            for name, values in [*((k, v.tolist()) for k, v in scores.items()), ("judge", judged)]
        ),
    }  # fmt: skip


def calibrated(run: dict[str, pl.DataFrame], **changes: Any) -> Calibration:
    return calibrate(run["dimensions"], run["quality"], run["scores"], **SETTINGS | changes)


def only(rows: pl.DataFrame, **keys: str) -> dict[str, Any]:
    return rows.row(
        by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in keys.items()), named=True
    )


def test_every_table_fulfils_its_contract(run: dict[str, pl.DataFrame], tmp_path: Any) -> None:
    found = calibrated(run)
    for name in Calibration._fields:
        tables.write(getattr(found, name), name, tmp_path / "t.parquet", {})


def test_variants_of_both_sets_and_scopes(run: dict[str, pl.DataFrame]) -> None:
    found = calibrated(run).calibration.filter(task="qa", split="test")
    assert weightings() == ["nnls", "rank", "reliable"]
    fitted = {(scope, name) for scope in ("task", "pooled") for name in weightings()}
    rules = {"consensus:mean", "consensus:median", "consensus:trust_weighted_mean"}
    once = {
        "all": {"default", "without-near", "without-far", "without-seen"}
        | {f"evaluator:{n}" for n in ("good", "fair", "bad", "judge")},
        "live": {"default", "without-near", "without-far"}
        | {f"evaluator:{n}" for n in ("fair", "bad", "judge")},
    }
    for signals, names in once.items():
        variants = found.filter(signals=signals).select("scope", "variant").rows()
        assert len(variants) == len(set(variants))
        assert set(variants) == {("pooled", name) for name in names | rules} | fitted


def test_values_and_weights_of_the_default(run: dict[str, pl.DataFrame]) -> None:
    found = calibrated(run)
    one = run["dimensions"].row(0, named=True)
    key = {"prompt_id": one["prompt_id"], "model": one["model"], "variant": "default"}
    # Weights 3 : 1 : 1; live without the last, 3 : 1.
    expected = {
        "all": (3 * one["near"] + one["far"] + one["seen"]) / 5,
        "live": (3 * one["near"] + one["far"]) / 4,
    }
    for signals, value in expected.items():
        assert only(found.composites, signals=signals, **key)["value"] == pytest.approx(value)
    weights = found.weights.filter(signals="live", variant="default").select("dimension", "weight")
    assert dict(weights.iter_rows()) == {"near": 0.75, "far": 0.25}


def test_harmful_dimensions_are_dropped_by_every_weighting(run: dict[str, pl.DataFrame]) -> None:
    weights = calibrated(run).weights.filter(pl.col("variant").is_in(weightings()))
    assert weights.filter(dimension="far")["weight"].to_list() == [0.0] * len(
        weights.filter(dimension="near")
    )
    assert set(weights.filter(scope="task")["task"]) == {"qa", "summarization"}


def test_what_is_reliable_is_what_the_audit_says(run: dict[str, pl.DataFrame]) -> None:
    # The same reference for all, so that the audit's pooled rows have it too.
    settings = {
        key: SETTINGS[key] for key in ("reference_based", "resamples", "confidence", "seed")
    }
    dimensions = run["dimensions"].drop("near.signal")
    quality = run["quality"].with_columns(rougeL="token_f1")
    for minimum in (0.1, 0.8, 0.95):
        audited = audit(dimensions, quality, minimum=minimum, **settings).filter(
            split="calibration", reference="token_f1", verdict="reliable"
        )
        weights = calibrated({**run, "quality": quality}, minimum=minimum).weights.filter(
            (pl.col("weight") > 0) & (pl.col("signals") == "all"), variant="reliable"
        )
        keys = "task", "dimension"
        assert set(weights.select(keys).rows()) == set(audited.select(keys).rows())


def test_correlations_are_with_the_reference_of_each_task(run: dict[str, pl.DataFrame]) -> None:
    found = calibrated(run).calibration.filter(
        signals="all", split="test", variant="evaluator:good"
    )
    quality = {"qa": "token_f1", "summarization": "rougeL"}
    rows = run["quality"].filter(split="test").with_columns(
        g=pl.when(pl.col("task") == "qa").then("token_f1").otherwise("rougeL")
    ).join(run["scores"].filter(evaluator="good"), on=["prompt_id", "model"])  # fmt: skip
    for task, reference in {**quality, "pooled": "rougeL+token_f1"}.items():
        own = rows if task == "pooled" else rows.filter(task=task)
        alone = correlations(
            own["score"], own["g"], own["prompt_id"],
            resamples=10, confidence=0.9, rng=np.random.default_rng(),
        )  # fmt: skip
        row = only(found, task=task)
        assert row["reference"] == reference
        assert row["pearson"] == pytest.approx(alone["pearson"].value)
        assert row["spearman"] == pytest.approx(alone["spearman"].value)
        assert (row["n"], row["n_prompts"]) == (len(own), len(own) // MODELS)


def test_the_best_are_chosen_on_the_calibration_split(run: dict[str, pl.DataFrame]) -> None:
    # On the test split `bad` is perfect; that must not count.
    own = pl.when(pl.col("task") == "qa").then("token_f1").otherwise("rougeL")
    quality = run["quality"].select("prompt_id", "model", g=10 * own)
    perfect = (pl.col("split") == "test") & (pl.col("evaluator") == "bad")
    scores = run["scores"].join(quality, on=["prompt_id", "model"]).with_columns(
        score=pl.when(perfect).then("g").otherwise("score")
    ).drop("g")  # fmt: skip
    found = calibrated({**run, "scores": scores}).calibration
    assert set(found.filter(signals="all")["best_single"]) == {"good"}
    live = found.filter(signals="live", task="pooled")
    assert set(live["best_single"]) == {"fair"}
    chosen = only(live, variant="evaluator:fair", split="test")
    assert (chosen["over_single"], chosen["over_single_low"]) == (0, 0)
    # The test split itself would have chosen the other: that is the optimism of the choice.
    other = only(live, variant="evaluator:bad", split="test")
    assert chosen["optimism"] == pytest.approx(other["pearson"] - chosen["pearson"])
    assert other["optimism"] is None


def test_who_scored_no_calibration_output_is_neither_best_nor_heard(
    run: dict[str, pl.DataFrame],
) -> None:
    found = calibrated(run)
    assert "judge" not in set(found.calibration["best_single"])
    # Its perfect scores would lift the consensus.
    less = {**run, "scores": run["scores"].filter(pl.col("evaluator") != "judge")}
    without = {k: v for k, v in SETTINGS["compares_with"].items() if k != "judge"}
    same = calibrated(less, compares_with=without).calibration
    consensus = pl.col("role") == "consensus"
    assert same.filter(consensus).equals(found.calibration.filter(consensus))
    judged = only(
        found.calibration, signals="all", variant="evaluator:judge", split="calibration", task="qa"
    )
    assert (judged["n"], judged["pearson"]) == (0, None)


def test_optimism_is_paired_on_the_test_split(run: dict[str, pl.DataFrame]) -> None:
    found = calibrated(run).calibration
    assert found.filter(split="calibration")["optimism"].null_count() == len(
        found.filter(split="calibration")
    )
    fixed = found.filter(pl.col("role").is_in(["default", "ablation"]))
    assert fixed["optimism"].null_count() == len(fixed)
    # Without a missing value nnls maximises r: fitted on the test split it cannot lose there.
    fitted = found.filter(split="test", variant="nnls")
    same = fitted.filter(
        (pl.col("scope") == "pooled") & (pl.col("task") == "pooled")
        | (pl.col("scope") == "task") & (pl.col("task") != "pooled")
    )
    assert len(same) == 6
    assert (same["optimism"] > -1e-9).all()


def test_swapping_the_splits_swaps_what_is_fitted(run: dict[str, pl.DataFrame]) -> None:
    turned = {"calibration": "test", "test": "calibration"}
    swapped = {k: v.with_columns(pl.col("split").replace(turned)) for k, v in run.items()}
    pair = [
        only(calibrated(rows).calibration, signals="live", scope="pooled", variant="nnls",
             task="pooled", split=split)
        for rows, split in ((run, "test"), (swapped, "calibration"))
    ]  # fmt: skip
    # r on the same outputs: once held out, once in-sample; the difference is the optimism.
    assert pair[1]["pearson"] - pair[0]["pearson"] == pytest.approx(pair[0]["optimism"])


def test_outputs_without_reference_quality_count_in_no_correlation(
    run: dict[str, pl.DataFrame],
) -> None:
    first = pl.col("prompt_id") == "q1"
    quality = run["quality"].with_columns(token_f1=pl.when(~first).then("token_f1"))
    found = calibrated({**run, "quality": quality})
    row = only(found.calibration, signals="all", variant="default", task="qa", split="test")
    # 4 prompts of the test split less one, 3 outputs each.
    assert (row["n"], row["n_prompts"]) == (9, 3)
    assert found.composites.filter(first)["value"].null_count() == 0


def test_without_any_reliable_dimension_the_composite_is_undefined(
    run: dict[str, pl.DataFrame],
) -> None:
    found = calibrated(run, minimum=1.0)
    assert found.weights.filter(variant="reliable")["weight"].sum() == 0
    assert (
        found.composites.filter(variant="reliable")["value"].null_count()
        == 4 * 2 * PROMPTS * MODELS
    )
    rows = found.calibration.filter(variant="reliable")
    for name in ("pearson", "spearman", "over_default", "over_single", "optimism"):
        assert rows[name].null_count() == len(rows)
    assert rows["n"].sum() == 0


def test_a_set_without_dimensions_or_evaluators_has_undefined_composites(
    run: dict[str, pl.DataFrame],
) -> None:
    found = calibrated(
        run,
        reference_based=dict.fromkeys(SETTINGS["weights"], True),
        compares_with={"good": "reference"},
    )
    live = found.calibration.filter(signals="live")
    assert set(live["role"]) == {"default", "calibrated"}
    assert live["pearson"].null_count() == live["best_single"].null_count() == len(live)
    assert found.weights.filter(signals="live").is_empty()


def test_a_dimension_that_no_output_has_changes_nothing(run: dict[str, pl.DataFrame]) -> None:
    lacking = run["dimensions"].with_columns(void=pl.lit(None, pl.Float64))
    weights = {**SETTINGS["weights"], "void": 5.0}
    based = {**SETTINGS["reference_based"], "void": False}
    found = calibrated({**run, "dimensions": lacking}, weights=weights, reference_based=based)
    before = calibrated(run).calibration.filter(task="qa", split="test", signals="all")
    for variant in ("default", *weightings()):
        keys = {"scope": "pooled", "variant": variant}
        now = only(found.calibration, task="qa", split="test", signals="all", **keys)
        assert now["pearson"] == pytest.approx(only(before, **keys)["pearson"])


def test_one_prompt_has_no_interval(run: dict[str, pl.DataFrame]) -> None:
    few = {k: v.filter(pl.col("prompt_id").is_in(["q0", "q1"])) for k, v in run.items()}
    row = only(
        calibrated(few).calibration, signals="all", variant="default", task="qa", split="test"
    )
    assert row["pearson"] is not None
    assert row["pearson_low"] is row["over_single_low"] is None


def test_a_quality_that_is_constant_on_the_test_split_has_no_optimism(
    run: dict[str, pl.DataFrame], tmp_path: Any
) -> None:
    constant = (pl.col("task") == "qa") & (pl.col("split") == "test")
    quality = run["quality"].with_columns(
        token_f1=pl.when(constant).then(1.0).otherwise("token_f1")
    )
    found = calibrated({**run, "quality": quality})
    tables.write(found.calibration, "calibration", tmp_path / "t.parquet", {})
    rows = found.calibration.filter(task="qa", split="test")
    assert set(rows.filter(signals="all")["best_single"]) == {"good"}
    for name in ("pearson", "optimism", "over_single"):
        assert rows[name].null_count() == len(rows)
    # Pooled, the quality still varies.
    pooled = only(
        found.calibration, task="pooled", split="test", signals="all", variant="evaluator:good"
    )
    assert pooled["optimism"] is not None


def test_a_dimension_may_have_the_name_of_a_quality_or_be_called_score(
    run: dict[str, pl.DataFrame],
) -> None:
    plain = calibrated(run)
    for name in ("token_f1", "score"):
        renamed = {"near": "near", "far": name, "seen": "seen"}
        found = calibrated(
            {**run, "dimensions": run["dimensions"].rename({"far": name})},
            weights={renamed[k]: v for k, v in SETTINGS["weights"].items()},
            reference_based={renamed[k]: v for k, v in SETTINGS["reference_based"].items()},
        )
        values = [table.calibration.drop("variant") for table in (found, plain)]
        assert values[0].equals(values[1])
        assert found.composites["value"].equals(plain.composites["value"])
