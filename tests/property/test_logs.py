from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from poq.corpus.logs import Log, Settings, read_log
from poq.errors import PoqError

IDS = st.sampled_from(["a", "b", "c", "", "10"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]),
    max_size=4,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": IDS,
            "system": st.sampled_from(["m", "n", "o", ""]),
            "text": TEXTS,
            "article": st.sampled_from(["one", "two", ""]),
            "rating": st.sampled_from(["0", "0.25", "1", "1.5", "nan", "-inf", "good", ""]),
        }
    ),
    min_size=1,
    max_size=14,
)
GRID = [
    {"id": p, "system": m, "text": "=1+1", "article": "one", "rating": "0.5"}
    for p in ("x", "y")
    for m in ("m", "n")
]


def read(rows: list[dict[str, Any]], suffix: str) -> Log | str:
    """Return the log of rows in a format, or what is wrong with it; no file's name is in either."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log{suffix}"
        if suffix == ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        elif suffix == ".csv":
            pl.DataFrame(rows).write_csv(path)
        else:
            pl.DataFrame(rows).write_parquet(path)
        columns = {"prompt": "id", "model": "system", "output": "text", "context": "article"}
        settings = Settings.model_validate(
            {
                "kind": "logs", "path": str(path), "columns": columns, "on_bad_row": "drop",
                "qualities": {"human": {"column": "rating", "worst": 0, "best": 1}},
            }
        )  # fmt: skip
        try:
            return read_log(settings, "summarization")._replace(origin="", where="")
        except PoqError as error:
            return str(error).split("in all:")[-1]


def same(first: Log | str, second: Log | str) -> bool:
    if isinstance(first, str) or isinstance(second, str):
        return first == second
    return first.rows.equals(second.rows) and first[1:] == second[1:]


@given(ROWS)
def test_the_format_of_a_log_changes_nothing(rows: list[dict[str, Any]]) -> None:
    logs = [read(GRID + rows, suffix) for suffix in (".parquet", ".jsonl", ".csv")]
    assert same(logs[0], logs[1])
    assert same(logs[0], logs[2])


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], rng: random.Random) -> None:
    shuffled = [*GRID, *rows]
    rng.shuffle(shuffled)
    assert same(read(GRID + rows, ".jsonl"), read(shuffled, ".jsonl"))


@given(ROWS)
def test_what_is_left_is_a_full_grid_and_every_row_is_counted(rows: list[dict[str, Any]]) -> None:
    log = read(GRID + rows, ".jsonl")
    if isinstance(log, str):
        return
    pairs = log.rows.select("prompt", "model")
    assert len(pairs.unique()) == len(pairs)
    assert len(pairs) == pairs["prompt"].n_unique() * pairs["model"].n_unique()
    assert log.outcomes["kept"] == len(pairs)
    assert sum(log.outcomes.values()) == len(GRID) + len(rows)
    assert log.rows["human"].is_between(0, 1).all()
