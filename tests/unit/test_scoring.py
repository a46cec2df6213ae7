import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from poq import kinds, tables
from poq.checkpoint import Checkpoint
from poq.errors import PoqError
from poq.evaluators.base import AnyScorer, NetworkScorer, Reading, Target, Verdicts
from poq.scoring import load_evaluator, raw_values, sampled_prompts, score_outputs, targets
from poq.shards import WHOLE, Shard
from tests.conftest import Frames

nan = float("nan")
Floats = NDArray[np.float64]


def lexical(compares_with: str, **values: Any) -> dict[str, Any]:
    return {"kind": "lexical", "compares_with": compares_with, **values}


def score(
    values: dict[str, Any],
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    folder: Path,
    *,
    scorer: AnyScorer | None = None,
    chunk: int = 100,
    shard: Shard = WHOLE,
) -> pl.DataFrame:
    """Return raw values as they are read from a table."""
    settings, loaded = load_evaluator(values, None)
    raw = score_outputs(
        "lex",
        scorer or loaded,
        settings,
        prompts,
        outputs,
        seed=1,
        chunk=chunk,
        checkpoint=Checkpoint(folder / "pieces", {}),
        shard=shard,
    )
    tables.write(raw, "raw_scores", folder / "raw.parquet", {})
    return tables.read("raw_scores", folder / "raw.parquet")


@pytest.fixture
def prompts(frame: Frames) -> pl.DataFrame:
    return frame(
        "prompts",
        prompt_id=["a", "b", "c", "s"],
        task=["qa", "qa", "qa", "summarization"],
        question=["Which wood?", "Who?", "Why?", None],
        context=["old oak gates", "Mayor Voss spoke", "cold wind", "rain fell"],
        references=[["oak", "old oak"], ["Mayor Voss"], ["wind"], ["rain"]],
        split=["calibration", "calibration", "test", "test"],
    )


@pytest.fixture
def outputs(frame: Frames) -> pl.DataFrame:
    return frame(
        "outputs",
        prompt_id=["s", "c", "b", "a", "a"],
        model=["m", "m", "m", "n", "m"],
        output=["rain", "warm wind from sea", "Mayor Smith", " ", "old elm oak"],
    )


def test_raw_values_of_all_outputs(
    prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Path
) -> None:
    found = score(lexical("reference"), prompts, outputs, tmp_path)
    # Precision against the better reference: a/m: 1/3 of "oak", 2/3 of "old oak"; a/n is empty;
    # b/m: 1/2; c/m: 1/4
    assert found.select(pl.nth(range(5))).rows() == [
        ("a", "m", "lex", pytest.approx(2 / 3), None),
        ("a", "n", "lex", None, None),
        ("b", "m", "lex", 0.5, None),
        ("c", "m", "lex", 0.25, None),
        ("s", "m", "lex", 1, None),
    ]


def test_all_outputs_empty(prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Path) -> None:
    found = score(lexical("context"), prompts, outputs.with_columns(output=pl.lit("")), tmp_path)
    assert found["raw"].to_list() == found["missing"].to_list() == [None] * 5


def test_an_output_without_its_prompt_is_refused(
    prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Path
) -> None:
    astray = outputs.with_columns(pl.col("prompt_id").replace("b", "astray"))
    with pytest.raises(PoqError, match="astray"):
        score(lexical("context"), prompts, astray, tmp_path)


def test_a_chunk_is_scored_by_itself_and_dealt_to_a_shard(
    prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Path
) -> None:
    given: list[tuple[str, ...]] = []

    def scorer(outputs: Sequence[str], targets: Sequence[str]) -> Floats:
        given.append(tuple(outputs))
        return np.array([float(len(output)) for output in outputs])

    parts = []
    for number in (1, 2, 3, 4):
        shard = Shard(number, 4)
        folder = tmp_path / str(number)
        folder.mkdir()
        values = lexical("reference")
        found = score(values, prompts, outputs, folder, scorer=scorer, chunk=2, shard=shard)
        parts.append(found.select("prompt_id", "model").rows())
    # In the order of their keys: [a/m, a/n (empty)], [b/m, c/m], [s/m]; a/m has two references.
    assert parts == [[("a", "m"), ("a", "n")], [("b", "m"), ("c", "m")], [("s", "m")], []]
    assert given == [("old elm oak",) * 2, ("Mayor Smith", "warm wind from sea"), ("rain",)]


def test_resumed_scoring_asks_only_for_what_is_missing(
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def dies_at_wind(outputs: Sequence[str], targets: Sequence[str]) -> Verdicts:
        if "warm wind from sea" in outputs and not caplog.text:
            raise KeyboardInterrupt
        asked.extend(outputs)
        reasons = ["no answer" if output == "old elm oak" else None for output in outputs]
        return Verdicts(np.array([nan if reason else 0.1 for reason in reasons]), reasons)

    def run(folder: Path, chunk: int = 1) -> pl.DataFrame:
        folder.mkdir(exist_ok=True)
        values = lexical("context")
        return score(values, prompts, outputs, folder, scorer=dies_at_wind, chunk=chunk)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed")
    assert asked == ["old elm oak", "Mayor Smith"]
    with caplog.at_level(logging.INFO):
        resumed = run(tmp_path / "killed")
        assert "lex: 3 of 5 outputs taken over" in caplog.text
        assert asked[2:] == ["warm wind from sea", "rain"]
        assert resumed.equals(run(tmp_path / "undisturbed"))
    # What is missing stays so, for the reason that it was.
    assert resumed["missing"].to_list() == ["no answer", None, None, None, None]
    assert resumed["raw"].to_list() == [None, None, 0.1, 0.1, 0.1]


TOKENS = ["target_tokens", "target_tokens_read", "output_tokens", "output_tokens_read"]


def reader(asked: list[str]) -> NetworkScorer:
    """A network that reads three words of a text, and keeps the outputs that it is asked about."""
    from torch.nn import Identity

    def score(outputs: Sequence[str], targets: Sequence[str]) -> Floats:
        return np.array([0.5] * len(outputs))

    def reading(outputs: Sequence[str], targets: Sequence[str]) -> Reading:
        asked.extend(outputs)
        said, compared = (
            np.array([len(text.split()) for text in texts]) for texts in (outputs, targets)
        )
        return Reading(compared, np.minimum(compared, 3), said, np.minimum(said, 3))

    return NetworkScorer(Identity(), score, reading, 3)


def test_tokens_that_a_network_reads_are_kept_and_a_cut_is_one_warning(
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = prompts.with_columns(
        references=pl.when(pl.col("prompt_id") == "a")
        .then(pl.lit([["oak", "the old oak gates stood", "old oak"]]).list.first())
        .otherwise("references")
    )
    asked: list[str] = []
    values = lexical("reference")
    found = score(values, long, outputs, tmp_path, scorer=reader(asked), chunk=2)
    # a has three references, of which the longest, of five words, counts. a/n is empty.
    assert found.select("prompt_id", "model", *TOKENS).rows() == [
        ("a", "m", 5, 3, 3, 3),
        ("a", "n", None, None, None, None),
        ("b", "m", 2, 2, 2, 2),
        ("c", "m", 1, 1, 4, 3),
        ("s", "m", 1, 1, 1, 1),
    ]
    # One of four targets, one of four outputs.
    (warning,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert warning.getMessage() == (
        "lex: reads at most 3 tokens: the target of 25 % of 4 outputs is cut, and 25 % of the "
        "outputs are"
    )
    # Finished chunks hold the counts too.
    count = len(asked)
    again = score(values, long, outputs, tmp_path, scorer=reader(asked), chunk=2)
    assert again.equals(found)
    assert len(asked) == count


def test_nothing_is_said_of_a_cut_where_all_is_read_or_no_tokenizer_counts(
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    short = outputs.with_columns(output=pl.lit("oak"))
    found = score(lexical("reference"), prompts, short, tmp_path, scorer=reader([]))
    assert found["output_tokens_read"].to_list() == [1] * 5
    (tmp_path / "lexical").mkdir()
    found = score(lexical("reference"), prompts, outputs, tmp_path / "lexical")
    assert all(found[name].null_count() == 5 for name in TOKENS)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("compares_with", "expected"),
    [
        ("reference", [["oak", "old oak"], ["rain"]]),
        ("question", [["Which wood?"], [""]]),
        ("context", [["old oak gates"], ["rain fell"]]),
        ("question+context", [["Which wood?\nold oak gates"], ["rain fell"]]),
        ("question+evidence", [["Which wood?\nold oak gates"], ["rain fell"]]),
    ],
)
def test_targets(prompts: pl.DataFrame, compares_with: Target, expected: list[list[str]]) -> None:
    rows = prompts.filter(pl.col("prompt_id").is_in(["a", "s"])).with_columns(output=pl.lit("oak"))
    assert targets(rows, compares_with) == expected


def test_evidence_is_that_of_each_output() -> None:
    rows = pl.DataFrame(
        {"question": "Who?", "context": "Ann spoke. Bo sang.", "output": ["Bo", "Ann"]}
    )
    assert targets(rows, "question+evidence") == [["Who?\nBo sang."], ["Who?\nAnn spoke."]]


class Recorder:
    """Scores a pair by the length of its target, and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> Floats:
        self.shown += zip(outputs, targets, strict=True)
        return np.array([len(target) - 3.0 for target in targets])


def test_a_prompt_without_reference_cannot_be_compared_with_one(frame: Frames) -> None:
    rows = frame("prompts", prompt_id=["p", "q"], references=[["a"], []])
    with pytest.raises(PoqError, match="prompt q has no reference; expected one to compare with"):
        targets(rows, "reference")


def test_raw_value_is_the_best_over_targets_and_empty_outputs_are_not_shown() -> None:
    scorer = Recorder()
    found = raw_values(scorer, ["x", " \n", "y"], [["a", "bb"], ["cccc"], ["d"]])
    np.testing.assert_array_equal(found.values, [-1, nan, -2])
    assert found.missing == [None] * 3
    assert scorer.shown == [("x", "a"), ("x", "bb"), ("y", "d")]


def fails_on_b(outputs: Sequence[str], targets: Sequence[str]) -> Verdicts:
    """Score 7 whatever is not compared with "b"."""
    return Verdicts(
        np.array([nan if target == "b" else 7.0 for target in targets]),
        ["no answer" if target == "b" else None for target in targets],
    )


def test_a_value_is_missing_if_it_is_for_one_of_its_targets() -> None:
    found = raw_values(fails_on_b, ["x", "y", "z", ""], [["a", "b"], ["b"], ["a"], ["b"]])
    np.testing.assert_array_equal(found.values, [nan, nan, 7, nan])
    assert found.missing == ["no answer", "no answer", None, None]


def test_a_value_that_is_not_finite_is_an_error_unless_it_is_missing() -> None:
    with pytest.raises(PoqError, match="not finite for output 'x'"):
        raw_values(lambda outputs, targets: np.array([nan]), ["x"], [["a"]])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_sampled_evaluator_scores_prompts_of_the_test_split_alone(
    count: int, frame: Frames, outputs: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    more = frame("prompts", prompt_id=["d", "e"], task="qa", context="elm", split="test")
    given = frame("outputs", prompt_id=["d", "e"], model="m", output=["", "elm"])
    values = lexical("context", sample=2)
    asked = pl.concat([prompts, more]), pl.concat([outputs, given])
    shards = [Shard(number, count) for number in range(1, count + 1)]
    scores = pl.concat(score(values, *asked, tmp_path, chunk=2, shard=shard) for shard in shards)
    assert len(scores) == 7
    kept = scores.filter(pl.col("missing").is_null())
    # c, d and e are qa's test prompts, of which two are drawn; s is the only one of its task.
    assert len(kept) == 3
    assert set(kept["prompt_id"]) < {"c", "d", "e", "s"}
    assert "s" in set(kept["prompt_id"])
    others = scores.filter(pl.col("missing").is_not_null())
    assert others["raw"].null_count() == len(others)
    assert others["missing"].unique().to_list() == ["not in the evaluator's sample"]


def test_samples_are_seeded_and_shared(frame: Frames) -> None:
    prompts = frame("prompts", prompt_id=[f"p{i}" for i in range(40)], task="qa", split="test")
    drawn = sampled_prompts(prompts, 5, 1)
    assert len(set(drawn)) == 5
    assert drawn == sampled_prompts(prompts.reverse(), 5, 1) != sampled_prompts(prompts, 5, 2)
    assert set(drawn) < set(sampled_prompts(prompts, 9, 1))
    assert sampled_prompts(prompts, None, 1) == prompts["prompt_id"].to_list()


def test_sample_needs_a_fixed_scale() -> None:
    with pytest.raises(ValidationError, match="fitted scale, which needs all prompts"):
        kinds.settings("poq.evaluators", lexical("context", scale={"method": "fitted"}, sample=2))


def test_an_evaluator_is_not_run_on_nothing() -> None:
    scorer = Recorder()
    np.testing.assert_array_equal(raw_values(scorer, ["", " "], [["a"], ["b"]]).values, [nan, nan])
    assert scorer.shown == []
