from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from poq import tables
from poq.errors import PoqError
from poq.reference_quality import mean_quality, reference_quality, references
from poq.schema import REFERENCE_METRICS
from tests.conftest import Frames


def by_key(frame: pl.DataFrame, *keys: str) -> dict[object, dict[str, object]]:
    """Rows by the values of their keys."""
    return {tuple(row[key] for key in keys): row for row in frame.iter_rows(named=True)}


def test_every_output_is_measured_against_the_references_of_its_prompt(frame: Frames) -> None:
    prompts = frame(
        "prompts",
        prompt_id=["p", "q"],
        task=["qa", "summarization"],
        references=[["old oak", "a cat sat on mat"], ["police killed the gunman"]],
        split=["test", "calibration"],
    )
    outputs = frame(
        "outputs",
        prompt_id=["q", "p", "p"],
        model=["m", "m", "n"],
        output=["the gunman kill police", "the cat sat", ""],
    )
    found = by_key(reference_quality(outputs, prompts), "prompt_id", "model")
    assert len(found) == 3
    assert found["p", "n"] == {
        "prompt_id": "p", "model": "n", "task": "qa", "split": "test",
        **dict.fromkeys(REFERENCE_METRICS, 0.0),
    }  # fmt: skip
    # SQuAD: cat, sat of 2 and 4 words. ROUGE keeps articles: 2 common of 3 and 5 words, bigram
    # "cat sat" of 2 and 4, subsequence of 2.
    assert found["p", "m"] == pytest.approx(
        {
            "prompt_id": "p", "model": "m", "task": "qa", "split": "test",
            "token_f1": 2 / 3, "exact_match": 0, "rouge1": 4 / 8, "rouge2": 2 / 6, "rougeL": 4 / 8,
        }
    )  # fmt: skip
    # SQuAD does not stem: gunman and police of 3 and 3 words. ROUGE: Lin (2004).
    assert found["q", "m"] == pytest.approx(
        {
            "prompt_id": "q", "model": "m", "task": "summarization", "split": "calibration",
            "token_f1": 2 / 3, "exact_match": 0, "rouge1": 1, "rouge2": 1 / 3, "rougeL": 1 / 2,
        }
    )  # fmt: skip


def test_without_references_the_metrics_are_null_and_named_qualities_stand(
    frame: Frames, tmp_path: Path
) -> None:
    prompts = frame("prompts", prompt_id=["p", "q"], references=[[], ["a cat"]], split="test")
    outputs = frame("outputs", prompt_id=["p", "q"], model="m", output="a cat")
    logged = frame("logged", prompt_id=["q", "p"], model="m").with_columns(
        human=pl.Series([0.25, 0.75])
    )
    found = reference_quality(outputs, prompts, logged)
    assert found["token_f1"].to_list() == [None, 1.0]
    assert found["human"].to_list() == [0.75, 0.25]
    assert references(found) == [*REFERENCE_METRICS, "human"]
    assert references(found.filter(pl.col("prompt_id") == "p")) == ["human"]
    tables.write(found, "reference_quality", tmp_path / "quality.parquet", {})
    means = mean_quality(found, resamples=100, confidence=0.9, seed=1)
    n = {row["reference"]: row["n"] for row in means.iter_rows(named=True)}
    assert n == {**dict.fromkeys(REFERENCE_METRICS, 1), "human": 2}


def test_without_outputs_there_are_columns(frame: Frames) -> None:
    found = reference_quality(frame("outputs").clear(), frame("prompts"))
    assert found.is_empty()
    assert set(REFERENCE_METRICS) <= set(found.columns)


def test_an_output_without_its_prompt_is_refused(frame: Frames) -> None:
    outputs = frame("outputs", prompt_id=["x", "astray"])
    with pytest.raises(PoqError, match="astray"):
        reference_quality(outputs, frame("prompts"))


@pytest.fixture
def quality(frame: Frames) -> pl.DataFrame:
    return frame(
        "reference_quality",
        prompt_id=["a", "b", "c", "a", "d"],
        model=["m", "m", "m", "n", "m"],
        task=["qa", "qa", "qa", "qa", "summarization"],
        split=["test", "test", "calibration", "test", "test"],
        token_f1=[0.2, 0.6, 1.0, 0.9, 0.3],
        exact_match=[1.0, 1.0, 0.0, 0.0, 0.0],
    )


def test_means_are_those_of_the_test_split(quality: pl.DataFrame) -> None:
    found = mean_quality(quality, resamples=200, confidence=0.9, seed=1)
    assert len(found) == 3 * 2  # (m, qa), (n, qa), (m, summarization); the other metrics are null
    rows = by_key(found, "model", "task", "reference")
    # (0.2 + 0.6) / 2, the calibration row left out; resamples give 0.2, 0.4 and 0.6
    assert rows["m", "qa", "token_f1"] == pytest.approx(
        {
            "model": "m", "task": "qa", "reference": "token_f1", "n": 2, "n_prompts": 2,
            "mean": 0.4, "mean_low": 0.2, "mean_high": 0.6,
        }
    )  # fmt: skip
    constant = rows["m", "qa", "exact_match"]
    assert [constant[f"mean{end}"] for end in ("", "_low", "_high")] == [1, 1, 1]


def test_one_prompt_has_a_mean_without_interval(quality: pl.DataFrame) -> None:
    found = mean_quality(quality, resamples=200, confidence=0.9, seed=1)
    row = by_key(found, "model", "task", "reference")["n", "qa", "token_f1"]
    assert (row["mean"], row["mean_low"], row["mean_high"]) == (0.9, None, None)


def test_the_seed_decides_and_the_order_of_rows_does_not(quality: pl.DataFrame) -> None:
    def means(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
        found = mean_quality(rows, resamples=100, confidence=0.83, seed=seed)
        return found.sort("model", "task", "reference")

    many = pl.concat(
        [
            quality.with_columns(pl.col("prompt_id") + str(i), token_f1=pl.lit(i / 20))
            for i in range(20)
        ]
    )
    # up to the rounding of sums
    assert_frame_equal(means(many, 1), means(many.reverse(), 1), rel_tol=1e-12, abs_tol=0)
    assert not means(many, 1).equals(means(many, 2))


def test_the_result_fulfils_its_contract(quality: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "quality.parquet"
    tables.write(mean_quality(quality, resamples=100, confidence=0.9, seed=1), "quality", path, {})
    assert len(tables.read("quality", path)) == 6
