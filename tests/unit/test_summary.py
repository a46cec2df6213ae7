from __future__ import annotations

import polars as pl

from poq.summary import _ladder, summarize
from tests.conftest import Frames


def test_summary_tells_best_worst_and_undefined(frame: Frames) -> None:
    rewards = frame(
        "rewards",
        node=["rich", "poor", "middle", "judge"],
        kind=["inference"] * 3 + ["evaluator"],
        task="pooled",
        rounds=7,
        reward=[0.9, -0.1, 0.5, 0.8],
        reward_low=[0.85, -0.2, 0.4, None],
        reward_high=[0.95, 0.0, 0.6, None],
    )
    quality = frame(
        "quality",
        model=["rich", "poor"],
        task="qa",
        reference="token_f1",
        n=4,
        mean=[0.5, 0.25],
        mean_low=[0.4, 0.2],
        mean_high=[0.6, 0.3],
    )
    reliability = frame(
        "reliability",
        evaluator=["judge", "constant", "judge"],
        task=["qa", "qa", "pooled"],
        reference="token_f1",
        compares_with="context",
        n=8,
        n_prompts=4,
        pearson=[0.5, None, 0.4],
        pearson_low=[0.25, None, 0.3],
        pearson_high=[0.75, None, 0.5],
    )
    findings = frame(
        "findings",
        finding=["bi-encoder", "ratio"],
        published=["0.66", "about 7"],
        ours=[0.7, None],
        ours_low=[0.6, None],
        ours_high=[0.8, None],
        verdict=["agrees", "not measured"],
    )
    scores = frame(
        "scores",
        prompt_id=["1", "2", "3", "4"] * 2,
        evaluator=["judge"] * 4 + ["constant"] * 4,
        split=["test", "test", "test", "calibration"] * 2,
        score=1.0,
        missing=["cut", None, "cut", "cut"] + [None] * 4,
    )
    recommendations = frame(
        "recommendations",
        grid=["a"] * 7 + ["b"],
        malicious_ratio=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.3],
        nodes=20,
        effective_evaluators=3.44,
        consensus=["mean"] * 7 + ["median"],
        trust="published",
        k=9,
        mae=[1.5] * 8,
        mae_low=[1.25] * 8,
        mae_high=[1.75] * 8,
        gain=[0.0] * 7 + [0.5],
        gain_low=[0.0] * 7 + [0.25],
        gain_high=[0.0] * 7 + [0.75],
    )
    frames = {
        "recommendations": recommendations,
        "rewards": rewards,
        "quality": quality,
        "reliability": reliability,
        "findings": findings,
        "scores": scores,
        "costs": frame("costs"),
        "prompt_rows": frame("prompt_rows", outcome="kept"),
    }
    lines = summarize(frames, {"qa": "token_f1"}, 0.95).splitlines()
    assert lines[0].startswith("Intervals are 95%")
    text = [" ".join(line.split()) for line in lines]
    assert "rich 0.900 [ 0.850, 0.950] 7 rounds" in text
    assert "poor -0.100 [-0.200, 0.000] 7 rounds" in text
    assert not any(line.startswith("middle") for line in text)
    assert "judge 0.800 (no interval) 7 rounds" in text
    assert "judge 0.500 [ 0.250, 0.750] n = 8 outputs of 4 prompts, compares with context" in text
    assert "constant undefined n = 8 outputs of 4 prompts, compares with context" in text
    assert text.index("rich 0.500 [ 0.400, 0.600] n = 4") < text.index(
        "poor 0.250 [ 0.200, 0.300] n = 4"
    )
    assert "bi-encoder 0.66 ours 0.700 [ 0.600, 0.800] agrees" in text
    assert "ratio about 7 not measured" in text
    start = text.index(
        "Which rule, which K, by share of malicious nodes (grid a: 20 evaluator nodes, "
        "3.4 of them effectively independent)"
    )
    assert [line.split()[0] for line in text[start + 1 : start + 5]] == ["0", "0.2", "0.4", "0.6"]
    assert (
        "0.3 median, published trust, K = 9 worst error 1.500 [ 1.250, 1.750] points, "
        "0.500 [ 0.250, 0.750] less than the mean's"
    ) in text
    start = text.index("Missing scores, of 3 outputs")
    assert text[start + 1] == "judge 2 cut"
    frames["scores"] = scores.with_columns(missing=pl.lit(None, pl.String))
    assert "Missing" not in summarize(frames, {"qa": "token_f1"}, 0.95)
    assert "Logged" not in "\n".join(lines)
    assert "Sources of prompts" not in "\n".join(lines)

    frames["prompt_rows"] = frame(
        "prompt_rows",
        task=["qa", "qa", "qa", "summarization"],
        outcome=["kept", "unanswerable", "context empty", "kept"],
        rows=[90, 7, 3, 12],
    )
    text = [line.strip() for line in summarize(frames, {"qa": "token_f1"}, 0.95).splitlines()]
    start = text.index("Sources of prompts: rows read, and what became of them")
    assert [" ".join(line.split()) for line in text[start + 1 : start + 3]] == [
        "qa 100 read, 90 kept; dropped: 7 unanswerable, 3 context empty",
        "",
    ]

    frames["log_rows"] = frame(
        "log_rows",
        task=["qa", "qa", "qa", "summarization"],
        outcome=["kept", "output missing", "repeated row", "kept"],
        rows=[90, 7, 3, 12],
    )
    frames["costs"] = frame(
        "costs", node="m", task=["qa", "summarization"], kind="inference", n=[90, 0]
    )
    text = [line.strip() for line in summarize(frames, {"qa": "token_f1"}, 0.95).splitlines()]
    start = text.index("Logged outputs: rows read, and what became of them")
    assert [" ".join(line.split()) for line in text[start + 1 : start + 5]] == [
        "qa 100 read, 90 kept; dropped: 7 output missing, 3 repeated row",
        "summarization 12 read, 12 kept",
        "qa tells no latency: cost as logged, no figure by seconds",
        "summarization tells neither cost nor latency: every model costs 0",
    ]


def test_the_ladder_says_how_composites_stand(frame: Frames) -> None:
    keys = {
        "variant": ["default", "reliable", "without-x", "evaluator:a", "consensus:mean"],
        "scope": ["pooled", "task", "pooled", "pooled", "pooled"],
        "role": ["default", "calibrated", "ablation", "single", "consensus"],
    }
    ladder = frame(
        "calibration", **keys, task="pooled", signals="live", split="test", reference="token_f1",
        best_single="a", best_consensus="mean", n=30, n_prompts=10, pearson=0.5, pearson_low=0.4,
        pearson_high=0.6, over_single_low=[-0.2, 0.01, 0, 0, 0],
        over_single_high=[-0.1, 0.2, 0, 0, 0], over_consensus_low=[-0.1, None, 0, 0, 0],
        over_consensus_high=[0.1, None, 0, 0, 0],
    )  # fmt: skip
    assert list(_ladder(ladder)) == [
        "\nComposites, Pearson's r with token_f1, pooled, live signals "
        "(n = 30 outputs of 10 prompts)",
        "  default                  0.500 [ 0.400,  0.600]   falls short of the best single "
        "evaluator, matches the best consensus",
        "  reliable, per task       0.500 [ 0.400,  0.600]   exceeds the best single evaluator, "
        "undecided against the best consensus",
        "  best single evaluator    0.500 [ 0.400,  0.600]   a",
        "  best consensus           0.500 [ 0.400,  0.600]   mean",
    ]
    assert list(_ladder(None)) == []


def test_the_size_of_the_ladder_is_that_of_a_rung_with_outputs(frame: Frames) -> None:
    ladder = frame(
        "calibration", variant=["default", "evaluator:a"], role=["default", "single"],
        scope="pooled", task="pooled", signals="live", split="test", best_single="a",
        n=[0, 30], n_prompts=[0, 10], pearson=[None, 0.5],
    )  # fmt: skip
    heading, default, single = _ladder(ladder)
    assert heading.endswith("live signals (n = 30 outputs of 10 prompts)")
    assert "undefined" in default
    assert "0.500" in single
    (heading, *_) = _ladder(ladder.filter(variant="default"))
    assert heading.endswith("(n = 0 outputs of 0 prompts)")
