from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poq import tables
from poq.reliability import reliability
from tests.conftest import Frames

QUALITY = [0.1, 0.2, 0.3, 0.4, 0.5]
SCORES = [2.0, 1.0, 4.0, 3.0, 5.0]


@pytest.fixture
def evidence(frame: Frames) -> dict[str, pl.DataFrame]:
    """Two evaluators on two tasks; "flat" gives every output the same score.

    On the calibration split the order is reversed, to show if it is used.
    """
    keys = {
        "prompt_id": [f"{task}{i}" for task in "qs" for i in range(7)],
        "model": ["m"] * 14,
        "task": ["qa"] * 7 + ["summarization"] * 7,
        "split": (["test"] * 5 + ["calibration"] * 2) * 2,
    }
    rows = {"varied": [*SCORES, 9.0, 0.0] * 2, "flat": [5.0] * 14}
    return {
        "scores": pl.concat(
            [
                frame("scores", **keys, evaluator=name, raw=0.0, score=score)
                for name, score in rows.items()
            ]
        ),
        "scales": frame(
            "scales",
            evaluator=["varied", "varied", "flat", "flat"],
            task=["qa", "summarization"] * 2,
            compares_with=["reference", "reference", "context", "context"],
        ),
        "quality": frame(
            "reference_quality",
            **keys,
            token_f1=[*QUALITY, 0.0, 1.0] * 2,
            exact_match=0.0,
            rouge1=[*QUALITY[::-1], 0.0, 0.0] * 2,
        ),
    }


ARCHITECTURES = {"varied": "bi_encoder", "flat": "lexical"}


def estimate(
    evidence: dict[str, pl.DataFrame], seed: int, judge: str | None = None
) -> pl.DataFrame:
    return reliability(
        evidence["scores"], evidence["scales"], evidence["quality"], architectures=ARCHITECTURES,
        judge=judge, resamples=100, confidence=0.9, seed=seed,
    )  # fmt: skip


def rows(
    evidence: dict[str, pl.DataFrame], seed: int = 1, judge: str | None = None
) -> dict[Any, dict[str, Any]]:
    found = estimate(evidence, seed, judge)
    return {
        (row["evaluator"], row["task"], row["reference"]): row
        for row in found.iter_rows(named=True)
    }


def test_correlations_of_the_test_split(evidence: dict[str, pl.DataFrame]) -> None:
    found = rows(evidence)
    assert len(found) == 2 * 3 * 3  # rouge2 and rougeL have no values
    # ranks 2 1 4 3 5 against 1 2 3 4 5: rho 1 - 6 * 4 / 120 = 0.8, tau (8 - 2) / 10 = 0.6
    for task, n in (("qa", 5), ("summarization", 5), ("pooled", 10)):
        row = found["varied", task, "token_f1"]
        assert (row["n"], row["n_prompts"], row["compares_with"]) == (n, n, "reference")
        assert (row["pearson"], row["spearman"]) == pytest.approx((0.8, 0.8))
        assert row["pearson_low"] <= row["pearson"] <= row["pearson_high"]
    assert found["varied", "qa", "token_f1"]["kendall"] == pytest.approx(0.6)
    # The same values twice: 4 * 8 concordant and 4 * 2 discordant of 45 pairs, 5 tied in both:
    # (32 - 8) / 40
    assert found["varied", "pooled", "token_f1"]["kendall"] == pytest.approx(0.6)
    assert found["varied", "qa", "rouge1"]["spearman"] == pytest.approx(-0.8)


@pytest.mark.parametrize(
    ("evaluator", "reference"),
    [("flat", "token_f1"), ("varied", "exact_match"), ("flat", "exact_match")],
)
def test_constants_give_null_never_zero(
    evidence: dict[str, pl.DataFrame], evaluator: str, reference: str
) -> None:
    row = rows(evidence)[evaluator, "pooled", reference]
    assert row["n"] == 10
    for name in ("pearson", "spearman", "kendall"):
        assert [row[f"{name}{end}"] for end in ("", "_low", "_high")] == [None] * 3


def test_the_judge_is_a_reference_for_all_others(evidence: dict[str, pl.DataFrame]) -> None:
    # On the test split "flat" judges the five outputs of each task 5 1 4 2 3.
    judged = (pl.col("evaluator") == "flat") & (pl.col("split") == "test")
    flat = evidence["scores"].filter(judged)
    flat = flat.with_columns(score=pl.Series([5.0, 1.0, 4.0, 2.0, 3.0] * 2))
    evidence["scores"] = pl.concat([evidence["scores"].filter(~judged), flat])
    found = rows(evidence, judge="flat")
    # Ranks 2 1 4 3 5 against 5 1 4 2 3: rho 1 - 6 * (9 + 0 + 0 + 1 + 4) / 120 = 0.3
    row = found["varied", "qa", "judge"]
    assert (row["spearman"], row["n"], row["architecture"]) == (
        pytest.approx(0.3), 5, "bi_encoder",
    )  # fmt: skip
    assert not [key for key in found if key[0] == "flat" and key[2] == "judge"]
    assert not [key for key in rows(evidence) if key[2] == "judge"]


def test_outputs_without_a_score_are_left_out(evidence: dict[str, pl.DataFrame]) -> None:
    missing = (pl.col("prompt_id") == "q4") & (pl.col("evaluator") == "flat")
    evidence["scores"] = evidence["scores"].with_columns(
        score=pl.when(missing).then(None).otherwise("score")
    )
    found = rows(evidence, judge="flat")
    assert (found["flat", "qa", "token_f1"]["n"], found["flat", "pooled", "token_f1"]["n"]) == (
        4,
        9,
    )
    # The other evaluator has all scores, but the judge lacks one of them.
    assert (found["varied", "qa", "token_f1"]["n"], found["varied", "qa", "judge"]["n"]) == (5, 4)


def test_an_evaluator_without_any_score_has_undefined_correlations(
    evidence: dict[str, pl.DataFrame],
) -> None:
    none = pl.when(pl.col("evaluator") == "flat").then(None).otherwise("score")
    evidence["scores"] = evidence["scores"].with_columns(score=none)
    row = rows(evidence)["flat", "qa", "token_f1"]
    assert (row["n"], row["n_prompts"], row["pearson"], row["kendall_low"]) == (0, 0, None, None)


def test_outputs_of_one_prompt_are_one_prompt(evidence: dict[str, pl.DataFrame]) -> None:
    for name in ("scores", "quality"):
        other = evidence[name].with_columns(model=pl.lit("n"))
        evidence[name] = pl.concat([evidence[name], other])
    row = rows(evidence)["varied", "qa", "token_f1"]
    assert (row["n"], row["n_prompts"]) == (10, 5)


def test_the_seed_decides_and_other_evaluators_do_not(evidence: dict[str, pl.DataFrame]) -> None:
    key = ("varied", "qa", "token_f1")
    before = rows(evidence)[key]
    assert rows(evidence, seed=2)[key] != before
    evidence["scores"] = evidence["scores"].filter(pl.col("evaluator") == "varied")
    assert rows(evidence)[key] == before


def test_the_result_fulfils_its_contract(evidence: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    found = estimate(evidence, 1)
    tables.write(found, "reliability", tmp_path / "reliability.parquet", {})
    assert len(tables.read("reliability", tmp_path / "reliability.parquet")) == len(found)


def test_the_share_of_outputs_that_are_read_in_part(evidence: dict[str, pl.DataFrame]) -> None:
    first, second = pl.col("prompt_id") == "q0", pl.col("prompt_id") == "q1"
    varied = pl.col("evaluator") == "varied"
    evidence["scores"] = evidence["scores"].with_columns(
        target_tokens=pl.when(varied).then(9),
        target_tokens_read=pl.when(varied).then(pl.when(first).then(4).otherwise(9)),
        output_tokens=pl.when(varied).then(3),
        output_tokens_read=pl.when(varied).then(pl.when(first | second).then(2).otherwise(3)),
    )
    found = rows(evidence)
    # Of five outputs of each task, q0 is cut in both texts and q1 in one.
    assert found["varied", "qa", "token_f1"]["cut_share"] == pytest.approx(2 / 5)
    assert found["varied", "summarization", "token_f1"]["cut_share"] == 0
    assert found["varied", "pooled", "token_f1"]["cut_share"] == pytest.approx(2 / 10)
    assert found["flat", "qa", "token_f1"]["cut_share"] is None
    # An output without a score counts neither here nor in n.
    evidence["scores"] = evidence["scores"].with_columns(score=pl.when(~second).then("score"))
    assert rows(evidence)["varied", "qa", "token_f1"]["cut_share"] == pytest.approx(1 / 4)


def test_outputs_without_a_score_count_in_no_n(evidence: dict[str, pl.DataFrame]) -> None:
    gone = (pl.col("evaluator") == "varied") & pl.col("prompt_id").is_in(["q3", "q4"])
    none = (pl.col("evaluator") == "flat") & (pl.col("task") == "qa")
    evidence["scores"] = evidence["scores"].with_columns(
        score=pl.when(~(gone | none)).then("score")
    )
    found = rows(evidence)
    row = found["varied", "qa", "token_f1"]
    # ranks 2 1 3 against 1 2 3: rho 1 - 6 * 2 / 24 = 0.5
    assert (row["n"], row["n_prompts"], row["spearman"]) == (3, 3, pytest.approx(0.5))
    assert found["varied", "pooled", "token_f1"]["n"] == 8
    empty = found["flat", "qa", "token_f1"]
    assert (empty["n"], empty["n_prompts"], empty["pearson"]) == (0, 0, None)
