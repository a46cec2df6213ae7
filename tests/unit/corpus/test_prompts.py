import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from poq import tables
from poq.corpus.prompts import assign_splits, build_prompts, spare_prompts
from poq.errors import PoqError
from poq.prompting import PromptFormat

FORMATS = {
    "qa": PromptFormat("$context? $question", "", None, ""),
    "summarization": PromptFormat("Sum up $context", "", None, ""),
}
Build = Callable[..., pl.DataFrame]
CALIBRATION = {"calibration": 0.4}
THREE = {"training": 0.2, "calibration": 0.4}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Build prompts of 6 passages with 2 questions each and of 5 articles."""
    questions = [
        {
            "id": f"{passage}-{number}",
            "context": f"passage {passage}",
            "question": f"question {number}",
            "answers": {"text": ["passage"], "answer_start": [0]},
        }
        for passage in range(6)
        for number in range(2)
    ]
    articles = [{"id": i, "article": f"article {i}", "highlights": f"h {i}"} for i in range(5)]
    monkeypatch.chdir(tmp_path)
    for name, rows in (("qa", questions), ("summarization", articles)):
        Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def make(
        tasks: tuple[str, ...] = ("qa", "summarization"),
        sample: dict[str, int | None] | None = None,
        seed: int = 1,
        splits: Mapping[str, float] = CALIBRATION,
    ) -> pl.DataFrame:
        sources = {task: {"kind": "local", "path": f"{task}.jsonl"} for task in tasks}
        drawn: dict[str, Any] = {**dict.fromkeys(tasks), **(sample or {})}
        return build_prompts(sources, drawn, FORMATS, splits, seed).prompts

    return make


def test_rows_of_all_tasks_fulfil_the_contract(build: Build, tmp_path: Path) -> None:
    found = build()
    tables.write(found, "prompts", tmp_path / "prompts.parquet", {})
    assert found["task"].value_counts().sort("task").rows() == [("qa", 12), ("summarization", 5)]
    first = found.row(0, named=True)
    assert first.pop("source").startswith("qa.jsonl@sha256:")
    assert first.pop("split") in ("calibration", "test")
    assert first == {
        "prompt_id": "qa:0-0",
        "task": "qa",
        "question": "question 0",
        "context": "passage 0",
        "references": ["passage"],
        "prompt": "passage 0? question 0",
    }
    last = found.row(-1, named=True)
    assert (last["prompt_id"], last["question"], last["prompt"], last["references"]) == (
        "summarization:4", None, "Sum up article 4", ["h 4"],
    )  # fmt: skip


def test_a_sample_keeps_the_order_of_the_source(build: Build) -> None:
    ids = build(sample={"qa": 7}).filter(pl.col("task") == "qa")["prompt_id"].to_list()
    assert len(ids) == len(set(ids)) == 7
    assert ids == sorted(ids)


def test_the_seed_decides_sample_and_split(build: Build) -> None:
    sample = {"qa": 6, "summarization": 3}
    assert build(sample=sample, seed=1).equals(build(sample=sample, seed=1))
    assert not build(sample=sample, seed=1).equals(build(sample=sample, seed=2))


def test_a_task_is_drawn_alike_whatever_the_others(build: Build) -> None:
    both = build(sample={"qa": 6}).filter(pl.col("task") == "qa")
    assert both.equals(build(("qa",), sample={"qa": 6}))


def test_splits_are_made_in_each_task(build: Build) -> None:
    # Whole passages of 2 until 0.4 * 12 = 4.8 are held: 6. Whole articles until 0.4 * 5 = 2.
    calibration = build().filter(pl.col("split") == "calibration")
    counts = calibration["task"].value_counts().sort("task")
    assert counts.rows() == [("qa", 6), ("summarization", 2)]


def test_a_training_split_is_drawn_first(build: Build) -> None:
    # Whole passages of 2 until 0.2 * 12 = 2.4 are held: 4; then until 4.8: 6. Articles: 1, then 2.
    found = build(splits=THREE).group_by("task", "split").len().sort("task", "split")
    assert found.rows() == [
        ("qa", "calibration", 6), ("qa", "test", 2), ("qa", "training", 4),
        ("summarization", "calibration", 2), ("summarization", "test", 2),
        ("summarization", "training", 1),
    ]  # fmt: skip


def test_a_split_without_a_share_changes_nothing(build: Build) -> None:
    assert build(splits={"training": 0, "calibration": 0.4}).equals(build())


def test_a_sample_larger_than_the_source_is_refused(build: Build) -> None:
    with pytest.raises(PoqError) as error:
        build(sample={"qa": 13})
    assert str(error.value) == "qa.jsonl: has 12 rows; expected at least the sample of 13"


def test_one_split_is_never_empty() -> None:
    # one context holds nearly all: whichever is drawn first, the other stays for the test
    for seed in range(10):
        found = assign_splits(["large"] * 99 + ["small"], {"calibration": 0.999}, rng(seed))
        assert set(found) == {"calibration", "test"}
        found = assign_splits(["large"] * 98 + ["small", "tiny"], THREE, rng(seed))
        assert set(found) == {"training", "calibration", "test"}


def test_a_share_that_can_be_had_is_had() -> None:
    found = assign_splits([str(i) for i in range(100)], {"calibration": 0.55}, rng())
    assert found.count("calibration") == 55


@pytest.mark.parametrize(
    ("contexts", "shares", "expected"),
    [
        (["same"] * 4, CALIBRATION, "1 distinct context; expected at least 2, one for each of the "
         "splits calibration, test"),
        ([], CALIBRATION, "0 distinct contexts; expected at least 2, "),
        (["one", "two"], THREE, "2 distinct contexts; expected at least 3, one for each of the "
         "splits training, calibration, test"),
    ],
)  # fmt: skip
def test_too_few_contexts_are_refused(
    contexts: list[str], shares: dict[str, float], expected: str
) -> None:
    with pytest.raises(PoqError, match=f"^prompts: {expected}"):
        assign_splits(contexts, shares, rng())


QA_SOURCE = {"qa": {"kind": "local", "path": "qa.jsonl"}}


def test_spare_prompts_are_what_the_sample_left_out_on_contexts_that_nothing_is_judged_on(
    build: Build,
) -> None:
    drawn = build(("qa",), {"qa": 5}, splits=THREE)
    spare = spare_prompts(QA_SOURCE, drawn, FORMATS, 100, seed=1)
    judged = set(drawn.filter(pl.col("split") != "training")["context"])
    everything = {f"qa:{passage}-{number}" for passage in range(6) for number in range(2)}
    expected = {
        name for name in everything - set(drawn["prompt_id"]) if f"passage {name[3]}" not in judged
    }
    # Half of the 12 rows are of 3 passages, which hold the sample of 5: 6 rows of 3 others are left
    assert len(expected) >= 6
    assert set(spare["prompt_id"]) == expected
    assert set(spare["split"]) == {"training"}
    assert spare.schema == drawn.schema


@pytest.mark.parametrize(("size", "contexts"), [(4, 3), (6, 3), (7, 4), (12, 6)])
def test_a_sample_leaves_whole_contexts_over(build: Build, size: int, contexts: int) -> None:
    # Of 12 rows on 6 passages, drawn from 3 passages (half of the rows), or more for more than 6.
    seen = [set(build(("qa",), {"qa": size}, seed=seed)["context"]) for seed in range(20)]
    assert max(map(len, seen)) == contexts
    assert len(set.union(*seen)) == 6


def test_a_small_source_is_drawn_from_as_many_contexts_as_there_are_splits(build: Build) -> None:
    # Half of the 12 rows would be of 3 passages; 3 shares and the test split need 4.
    splits = {"training": 0.1, "calibration": 0.1, "further": 0.1}
    seen = [set(build(("qa",), {"qa": 6}, seed=s, splits=splits)["context"]) for s in (1, 2, 3)]
    assert max(map(len, seen)) == 4


def test_no_more_spare_prompts_are_drawn_than_asked_for(build: Build) -> None:
    drawn = build(("qa",), {"qa": 4})
    assert len(spare_prompts(QA_SOURCE, drawn, FORMATS, 3, seed=1)) == 3
    assert len(spare_prompts(QA_SOURCE, drawn, FORMATS, 0, seed=1)) == 0
    assert len(spare_prompts(QA_SOURCE, build(("qa",)), FORMATS, 3, seed=1)) == 0


def test_rows_that_are_left_out_are_counted_by_task_and_reason(
    build: Build, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in Path("qa.jsonl").read_text().splitlines()]
    rows[3]["context"] = rows[5]["context"] = " "
    rows[7]["answers"] = {"text": [], "answer_start": []}
    Path("qa.jsonl").write_text("\n".join(map(json.dumps, rows)))
    kinds = {"unanswerable": "drop", "on_bad_row": "drop"}
    sources = {
        "qa": {"kind": "local", "path": "qa.jsonl", **kinds},
        "summarization": {"kind": "local", "path": "summarization.jsonl"},
    }
    found = build_prompts(sources, {"qa": 6, "summarization": None}, FORMATS, CALIBRATION, 1)
    tables.write(found.prompt_rows, "prompt_rows", tmp_path / "prompt_rows.parquet", {})
    assert found.prompt_rows.rows() == [
        ("qa", "kept", 9), ("qa", "context empty", 2), ("qa", "unanswerable", 1),
        ("summarization", "kept", 5),
    ]  # fmt: skip
    left = {f"qa:{row['id']}" for index, row in enumerate(rows) if index not in (3, 5, 7)}
    assert set(found.prompts.filter(task="qa")["prompt_id"]) <= left
