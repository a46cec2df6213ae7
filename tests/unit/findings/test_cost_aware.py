from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poq import figures, findings, tables
from poq.findings import cost_aware
from poq.findings.base import Evidence, Finding, NotMeasured
from poq.findings.cost_aware import (
    correlation,
    correlation_difference,
    efficiency_of,
    efficiency_of_largest,
    inference_reward,
    reward_of_efficient,
    stand_in,
)
from poq.rewards import RewardSettings
from poq.schema import TABLES
from tests.conftest import Frames

STS, CE, NLI = cost_aware.STAND_INS


def evidence(frames: dict[str, pl.DataFrame], judge: str | None = None) -> Evidence:
    return Evidence(frames, judge, RewardSettings(alpha=1, beta=1), 4000, 0.9, 1)


def known(frame: Frames, *evaluators: tuple[str, str, str], **columns: Any) -> pl.DataFrame:
    """Table reliability of (evaluator, architecture, compares_with), pooled token F1."""
    names, architectures, targets = map(list, zip(*evaluators, strict=True))
    return frame(
        "reliability", evaluator=names, architecture=architectures, compares_with=targets,
        task="pooled", reference=columns.pop("reference", "token_f1"), **columns,
    )  # fmt: skip


def test_findings_name_rules_figures_and_tables_that_exist(root: Path) -> None:
    rules = "".join(p.read_text() for p in (root / "workflow" / "rules").glob("*.smk"))
    every = [f for name in findings.names() for f in findings.load(name).FINDINGS]
    assert len({finding.id for finding in every}) == len(every) > 10
    for finding in every:
        assert f"rule {finding.rule}:" in rules
        assert finding.figure in figures.names()
    assert set(findings.tables()) <= set(TABLES)


def test_published_figures_are_those_of_the_paper() -> None:
    by_id: dict[str, Finding] = {f.id.removeprefix("cost-aware/"): f for f in cost_aware.FINDINGS}
    published = {
        "sts-f1": "0.66",
        "sts-judge": "0.29",
        "ce-minilm-f1": "near zero or negative",
        "ce-deberta-f1": "near zero or negative",
        "reward-llama-3.2-3b": "0.62",
        "reward-phi-3-mini": "0.13",
        "efficiency-llama-3.2-3b": "about 7",
        "efficiency-gemma-2-2b": "about 7",
    }
    assert {name: by_id[name].claim.published for name in published} == published
    assert {by_id[name].certainty for name in published} == {"authors' blog"}


def test_the_papers_own_evaluator_comes_first(frame: Frames) -> None:
    reliability = known(
        frame, ("a", "bi_encoder", "reference"), (STS, "bi_encoder", "question+context")
    )
    assert stand_in(evidence({"reliability": reliability}), STS) == STS


def test_a_stand_in_is_chosen_by_architecture_target_and_name(frame: Frames) -> None:
    reliability = known(
        frame,
        ("a", "bi_encoder", "context"),
        ("c", "bi_encoder", "reference"),
        ("b", "bi_encoder", "reference"),
        ("d", "cross_encoder", "reference"),
        ("e", "cross_encoder", "question"),
        pearson=[0.9, 0.9, 0.1, 0.9, 0.1],
    )
    found = evidence({"reliability": reliability})
    assert (stand_in(found, STS), stand_in(found, CE)) == ("b", "e")
    with pytest.raises(NotMeasured, match="no evaluator of architecture nli in this run"):
        stand_in(found, NLI)


def test_correlations_come_from_the_pooled_row(frame: Frames) -> None:
    row = {"pearson": 0.7, "pearson_low": 0.6, "pearson_high": 0.8, "n": 12, "n_prompts": 4}
    reliability = known(frame, ("b", "bi_encoder", "reference"), **row)
    other = known(frame, ("b", "bi_encoder", "reference"), reference="rouge1", pearson=0.1)
    found = correlation(
        evidence({"reliability": pl.concat([reliability, other])}),
        evaluator=STS,
        reference="token_f1",
    )
    assert found == ((0.7, 0.6, 0.8), 12, 4, f"b (for {STS})")


def test_without_references_there_is_no_correlation_with_token_f1(frame: Frames) -> None:
    rows = known(frame, (STS, "bi_encoder", "context"), reference="human")
    with pytest.raises(NotMeasured, match="has no correlation with token_f1 in this run"):
        correlation(evidence({"reliability": rows}), evaluator=STS, reference="token_f1")


def test_without_a_judge_nothing_is_compared_with_it(frame: Frames) -> None:
    reliability = known(frame, ("b", "bi_encoder", "reference"))
    with pytest.raises(NotMeasured, match="no judge in this run"):
        correlation(evidence({"reliability": reliability}), evaluator=STS, reference="judge")


@pytest.mark.parametrize("reference", ["token_f1", "judge"])
def test_difference_of_correlations(frame: Frames, reference: str) -> None:
    reliability = known(
        frame, ("b", "bi_encoder", "reference"), ("c", "cross_encoder", "context"),
        ("j", "judge", "context"),
    )  # fmt: skip
    keys = {"prompt_id": [f"p{i}" for i in range(6)], "model": "m", "split": "test"}
    up, mixed = [0.0, 1, 2, 3, 4, 5], [2.0, 1, 4, 3, 5, 9]
    scores = {"b": mixed, "c": [-value for value in mixed], "j": [*up[:5], None]}
    f1 = [*up[:5], 0.0] if reference == "judge" else [0.2 * value for value in up]
    found = correlation_difference(
        evidence(
            {
                "reliability": reliability,
                "scores": pl.concat(
                    [frame("scores", evaluator=n, score=s, **keys) for n, s in scores.items()]
                ),
                "reference_quality": frame("reference_quality", token_f1=f1, **keys),
            },
            judge="j",
        ),
        first=STS, second=CE, reference=reference,
    )  # fmt: skip
    # The first five: r of 2 1 4 3 5 is 0.8, of its negative -0.8; the judge gave the sixth none.
    expected = 1.6 if reference == "judge" else None
    assert found.n == (5 if reference == "judge" else 6)
    assert found.whose == f"b (for {STS}) less c (for {CE})"
    if expected:
        assert found.ours.value == pytest.approx(expected)
    assert found.ours.low > 0


def test_reward_of_a_named_node(frame: Frames) -> None:
    rewards = frame(
        "rewards", node=["phi-3-mini", "phi-3-mini"], kind=["inference", "evaluator"],
        task="pooled", rounds=50, n_prompts=9, normalized_reward=[0.13, 0.9],
        normalized_reward_low=[0.1, 0.8], normalized_reward_high=[0.2, 1.0],
    )  # fmt: skip
    found = inference_reward(evidence({"rewards": rewards}), node="phi-3-mini")
    assert found == ((0.13, 0.1, 0.2), 50, 9, "phi-3-mini")
    with pytest.raises(NotMeasured, match=r"no inference node llama-3.2-3b in this run"):
        inference_reward(evidence({"rewards": rewards}), node="llama-3.2-3b")


@pytest.fixture
def timed(frame: Frames) -> Evidence:
    """Two prompts of each task; "a" has four times the parameters of "b"; "c" has no model."""
    prompts, models = ["q1", "q2", "s1", "s2"], ["a", "b", "c"]
    tasks = ["qa", "qa", "summarization", "summarization"]
    quality = frame(
        "reference_quality",
        prompt_id=prompts * 3,
        model=[model for model in models for _ in prompts],
        task=tasks * 3,
        split="test",
        token_f1=[0.6, 0.6, 0.3, 0.3, 0.1, 0.1, 0.2, 0.2, 0.9, 0.9, 0.9, 0.9],
    )
    costs = frame(
        "costs",
        node=models * 2,
        task=["qa"] * 3 + ["summarization"] * 3,
        kind="inference",
        seconds=[1.0, 2.0, 0.1, 2.0, 4.0, 0.1],
        parameters=[4, 1, None] * 2,
    )
    return evidence({"reference_quality": quality, "costs": costs})


def test_quality_per_second_of_one_node_over_another(timed: Evidence) -> None:
    found = efficiency_of(timed, node="a", other="b")
    # a: 1.8 over 6 s of 4 outputs; b: 0.6 over 12 s. 0.3 / 0.05 = 6.
    assert found.ours.value == pytest.approx(6)
    # Only qa, one resample in 16: (0.6 / 1) / (0.1 / 2) = 12; only summarization:
    # (0.3 / 2) / (0.2 / 4) = 3. Both are more than the tails of 5 %.
    assert (found.ours.low, found.ours.high) == pytest.approx((3, 12))
    assert (found.n, found.n_prompts) == (8, 4)
    with pytest.raises(NotMeasured, match="no inference node x and none y in this run"):
        efficiency_of(timed, node="x", other="y")


def test_logs_without_seconds_or_references_measure_no_efficiency(timed: Evidence) -> None:
    unknown = pl.lit(None, pl.Float64)
    costs = timed.tables["costs"].with_columns(seconds=unknown)
    with pytest.raises(NotMeasured, match="the logs of this run tell no seconds"):
        efficiency_of_largest(evidence({**timed.tables, "costs": costs}))
    quality = timed.tables["reference_quality"].with_columns(token_f1=unknown)
    with pytest.raises(NotMeasured, match="no token F1 in this run"):
        efficiency_of_largest(evidence({**timed.tables, "reference_quality": quality}))
    # With references in qa alone: a 0.6 over 1 s, b 0.1 over 2 s, and the ratio is 12.
    in_qa = pl.when(pl.col("task") == "qa").then("token_f1")
    partly = timed.tables["reference_quality"].with_columns(token_f1=in_qa)
    found = efficiency_of_largest(evidence({**timed.tables, "reference_quality": partly}))
    assert found.ours.value == pytest.approx(12)
    assert (found.n, found.n_prompts) == (4, 2)


def test_the_largest_model_against_the_other_models(timed: Evidence) -> None:
    found = efficiency_of_largest(timed)
    assert found.ours.value == pytest.approx(6)
    assert found.whose == "a over b"
    costs = timed.tables["costs"].with_columns(parameters=pl.lit(None, pl.Int64))
    with pytest.raises(NotMeasured, match="no two models of known and different size"):
        efficiency_of_largest(evidence({**timed.tables, "costs": costs}))


def test_efficient_nodes_against_inefficient_ones(frame: Frames) -> None:
    nodes = {"good": 9.0, "middle": 5.0, "bad": 1.0}
    index = [*range(6)]
    rounds = frame(
        "rounds", round=index, prompt_id=["p", "p", "p", "q", "q", "q"],
        model=[*nodes] * 2, task="qa", consensus=[*nodes.values()] * 2,
    )  # fmt: skip
    ratings = frame("ratings", round=index, evaluator=["e", "f"] * 3, score=5.0, deviation=0.0)
    costs = frame(
        "costs", node=[*nodes, "e", "f"], task="qa", cost=[0.0, 0.5, 1.0, 0.0, 1.0],
        kind=["inference"] * 3 + ["evaluator"] * 2,
    )  # fmt: skip
    quality = frame(
        "reference_quality", model=[*nodes], prompt_id=["p"] * 3, split="test",
        token_f1=[0.9, 0.5, 0.1],
    )  # fmt: skip
    played = {"rounds": rounds, "ratings": ratings, "costs": costs}
    found = reward_of_efficient(evidence(played | {"reference_quality": quality}), kind="inference")
    # Normalised over [-1, 1]: good (0.9 - 0 + 1) / 2 = 0.95, bad (0.1 - 1 + 1) / 2 = 0.05.
    assert found.ours == pytest.approx((0.9, 0.9, 0.9))
    assert (found.n, found.n_prompts, found.whose) == (4, 2, "good less bad")
    # Evaluators e and f: (1 - 0 + 1) / 2 less (1 - 1 + 1) / 2.
    found = reward_of_efficient(evidence(played | {"reference_quality": quality}), kind="evaluator")
    assert found.ours.value == pytest.approx(0.5)
    assert found.whose == "e less f"
    contrary = quality.with_columns(token_f1=1 - pl.col("token_f1"))
    with pytest.raises(NotMeasured, match="no two groups"):
        reward_of_efficient(evidence(played | {"reference_quality": contrary}), kind="inference")


def test_a_run_without_anything_of_the_paper_keeps_the_contract(
    frame: Frames, tmp_path: Path
) -> None:
    frames = {name: frame(name) for name in findings.tables()}
    frames["rounds"] = frame("rounds", model="x", task="qa")
    frames["reference_quality"] = frame("reference_quality", model="x", split="test")
    frames["ratings"] = frame("ratings", evaluator="x", round=1)
    frames["costs"] = frame("costs", node="x", kind=["inference", "evaluator"], task="qa")
    found = findings.compare(evidence(frames))
    assert set(found["verdict"]) == {"not measured"}
    assert (found["why"] != "").all()
    tables.write(found, "findings", tmp_path / "findings.parquet", {})
