from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from poq.corpus import logs
from poq.corpus.logs import Log, Settings, read_log
from poq.corpus.rows import Instance
from poq.errors import PoqError

Rows = list[dict[str, Any]]
Write = Callable[..., Settings]

COLUMNS = {
    "prompt": "id", "model": "system", "output": "text", "context": "article",
    "reference": "gold", "latency": "s", "cost": "price",
}  # fmt: skip
ONE_ROW = "expected one row an output: average the ratings of several raters first"
STARS = {"stars": {"column": "rating", "worst": 1, "best": 5}}


def row(prompt: str, model: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": prompt, "system": model, "text": f" {model} on {prompt}\n", "article": f"on {prompt}",
        "gold": f"gold {prompt}", "s": 0.5, "price": 3, "rating": 2.0, "ignored": "x",
    } | changes  # fmt: skip


def grid() -> Rows:
    """Three prompts and two models: rows 1 to 6."""
    return [row(prompt, model) for prompt in "cab" for model in ("m", "n")]


def save(rows: Rows, path: Path) -> None:
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    elif path.suffix == ".csv":
        pl.DataFrame(rows, strict=False).write_csv(path)
    else:
        pl.DataFrame(rows, strict=False).write_parquet(path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows to a file and return the settings of the log."""

    def make(
        rows: Rows, name: str = "log.jsonl", columns: Mapping[str, Any] = COLUMNS, **more: Any
    ) -> Settings:
        save(rows, tmp_path / name)
        values = {"kind": "logs", "path": str(tmp_path / name), "columns": columns}
        return Settings.model_validate({**values, "qualities": STARS, **more})

    return make


def summarization(settings: Settings) -> Log:
    return read_log(settings, "summarization")


def message(settings: Settings) -> str:
    with pytest.raises(PoqError) as error:
        summarization(settings)
    return str(error.value)


def test_rows_and_prompts_of_a_log(write: Write) -> None:
    found = summarization(write([*grid(), row("c", "o"), row("a", "o"), row("b", "o")]))
    assert found.instances == [
        Instance(name, None, f"on {name}", [f"gold {name}"]) for name in "abc"
    ]
    assert found.rows.columns == ["prompt", "model", "output", "latency", "cost", "stars"]
    # sorted; text stripped; 2 stars of 1 to 5: (2 - 1) / (5 - 1) = 0.25
    assert found.rows.row(0) == ("a", "m", "m on a", 0.5, 3.0, 0.25)
    assert found.rows.select("prompt", "model").rows() == [(p, m) for p in "abc" for m in "mno"]
    assert found.outcomes == {"kept": 9}


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
def test_every_format_gives_the_same_rows(write: Write, name: str) -> None:
    rows = grid()
    rows[0] |= {"id": "7", "text": '=cmd|"/c calc"!A1, "quoted"\nsecond line', "rating": 4.1}
    rows[1] |= {"id": "7", "text": ""}
    rows[2]["article"] = rows[3]["article"] = "caf\u00e9, \u201ctea\u201d"
    found = summarization(write(rows, name))
    expected = summarization(write(rows, "expected.jsonl"))
    assert found.rows.equals(expected.rows)
    assert found.instances == expected.instances
    # A formula stays a text, an empty output is one, and 4.1 stars are (4.1 - 1) / 4.
    first = found.rows.row(0, named=True)
    assert first["output"] == '=cmd|"/c calc"!A1, "quoted"\nsecond line'
    assert first["stars"] == pytest.approx(0.775)
    assert found.rows.row(1, named=True)["output"] == ""


def test_whole_numbers_are_identifiers_in_every_format(write: Write) -> None:
    rows = [{**r, "id": "cab".index(r["id"]) + 10} for r in grid()]
    for name in ("log.parquet", "log.csv", "log.jsonl"):
        assert [i.id for i in summarization(write(rows, name)).instances] == ["10", "11", "12"]


def test_a_lesser_value_may_be_the_best(write: Write) -> None:
    errors = {"stars": {"column": "rating", "worst": 10, "best": 0}}
    # 2 errors, 10 the worst: (2 - 10) / (0 - 10) = 0.8
    found = summarization(write(grid(), qualities=errors))
    assert found.rows["stars"].unique().to_list() == [0.8]


# Each change makes rows bad for one reason; which other rows fall with them is in the comment.
BAD: dict[str, tuple[Callable[[Rows], object], dict[str, int], str]] = {
    "no prompt id": (
        # row 1 has none, and so prompt c lacks an output of m: row 2 falls too
        lambda rows: rows[0].update(id=None),
        {"prompt id missing": 1, "prompt without an output of every model": 1},
        "row 1: the prompt id is missing",
    ),
    "blank prompt id": (
        lambda rows: rows[0].update(id=" "),
        {"prompt id missing": 1, "prompt without an output of every model": 1},
        "row 1: the prompt id is missing",
    ),
    "no model": (
        lambda rows: rows[3].update(system=""),
        {"model missing": 1, "prompt without an output of every model": 1},
        "row 4: the model is missing",
    ),
    "model not printable": (
        lambda rows: rows[3].update(system="n\x07"),
        {"model not printable": 1, "prompt without an output of every model": 1},
        "row 4: the model's name is not printable or holds a '$'",
    ),
    "model with a formula": (
        lambda rows: rows[3].update(system=r"$\frac$"),
        {"model not printable": 1, "prompt without an output of every model": 1},
        "row 4: the model's name is not printable or holds a '$'",
    ),
    "model that breaks lines": (
        lambda rows: rows[3].update(system="n\u2028m"),
        {"model not printable": 1, "prompt without an output of every model": 1},
        "row 4: the model's name is not printable or holds a '$'",
    ),
    "model that turns a line around": (
        lambda rows: rows[3].update(system="n\u202em"),
        {"model not printable": 1, "prompt without an output of every model": 1},
        "row 4: the model's name is not printable or holds a '$'",
    ),
    "endless model": (
        lambda rows: rows[3].update(system="n" * 201),
        {"model too long": 1, "prompt without an output of every model": 1},
        "row 4: the model's name has more than 200 characters",
    ),
    "no output": (
        lambda rows: rows[5].update(text=None),
        {"output missing": 1, "prompt without an output of every model": 1},
        "row 6: the output is missing",
    ),
    "no number": (
        lambda rows: rows[5].update(rating="good"),
        {"stars not a number": 1, "prompt without an output of every model": 1},
        "row 6: stars is good; expected a number from 1 to 5",
    ),
    "missing number": (
        lambda rows: rows[5].update(rating=None),
        {"stars missing": 1, "prompt without an output of every model": 1},
        "row 6: stars is missing; expected a number from 1 to 5",
    ),
    "NaN": (
        lambda rows: rows[5].update(rating=float("nan")),
        {"stars not finite": 1, "prompt without an output of every model": 1},
        "row 6: stars is nan; expected a number from 1 to 5",
    ),
    "infinite cost": (
        lambda rows: rows[5].update(price=float("inf")),
        {"cost not finite": 1, "prompt without an output of every model": 1},
        "row 6: cost is inf; expected a finite number, 0 or more",
    ),
    "out of range": (
        lambda rows: rows[5].update(rating=5.5),
        {"stars out of range": 1, "prompt without an output of every model": 1},
        "row 6: stars is 5.5; expected a number from 1 to 5",
    ),
    "negative latency": (
        lambda rows: rows[5].update(s=-1),
        {"latency out of range": 1, "prompt without an output of every model": 1},
        "row 6: latency is -1; expected a finite number, 0 or more",
    ),
    "no context": (
        lambda rows: rows[5].update(article=""),
        {"context missing": 1, "prompt without an output of every model": 1},
        "row 6: the context is missing",
    ),
    "no reference": (
        lambda rows: rows[5].update(gold=" "),
        {"reference missing": 1, "prompt without an output of every model": 1},
        "row 6: the reference is missing",
    ),
    "repeated row": (
        # of three equal rows one stays
        lambda rows: rows.extend([rows[0], rows[0]]),
        {"repeated row": 2},
        "row 7: repeats another row of prompt 'c' and model 'm'; " + ONE_ROW,
    ),
    "conflicting rows": (
        # which of the two is right? both fall, and the other row of prompt c with them
        lambda rows: rows.append(rows[0] | {"text": "another"}),
        {
            "conflicting rows of one prompt and model": 2,
            "prompt without an output of every model": 1,
        },
        "row 1: differs from another row of prompt 'c' and model 'm'; " + ONE_ROW,
    ),
    "conflicting texts": (
        lambda rows: rows[1].update(article="another"),
        {"conflicting texts of one prompt": 2},
        "row 1: the texts of prompt 'c' differ from another row's",
    ),
    "incomplete prompt": (
        # row 6 gone, prompt b has one output of two
        lambda rows: rows.pop(),
        {"prompt without an output of every model": 1},
        "row 5: prompt 'b' has outputs of 1 models; expected one of each of 2",
    ),
    "new model": (
        # a third model answered one prompt: the two other prompts are incomplete
        lambda rows: rows.append(row("a", "o")),
        {"prompt without an output of every model": 4},
        "row 1: prompt 'c' has outputs of 2 models; expected one of each of 3",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_or_dropped_and_counted(write: Write, case: str) -> None:
    change, dropped, says = BAD[case]
    rows = grid()
    change(rows)
    found = message(write(rows)).split("\n")
    total = sum(dropped.values())
    assert found[0].endswith(
        f"log.jsonl: {total} of {len(rows)} rows are bad; expected none, or on_bad_row: drop"
    )
    assert f"  {says}" in found[1:-1]
    counts = sorted((-n, reason) for reason, n in dropped.items())
    assert found[-1] == "  in all: " + ", ".join(f"{-n} {reason}" for n, reason in counts)
    kept = summarization(write(rows, on_bad_row="drop"))
    assert kept.outcomes == {"kept": len(rows) - total, **dropped}
    assert len(kept.rows) == len(rows) - total
    assert {i.id for i in kept.instances} == set(kept.rows["prompt"])


def test_the_first_reason_counts_and_a_few_rows_are_shown(write: Write) -> None:
    rows = [row(str(i), m, text=None, rating=9) for i in range(4) for m in "mn"]
    found = message(write(rows)).split("\n")
    assert len(found) == 1 + 5 + 1
    assert found[-1] == "  in all: 8 output missing"
    assert message(write(rows, on_bad_row="drop")) == "\n".join(found)  # nothing is left


def test_ratings_of_several_raters_are_to_be_averaged(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    # Two raters of each of four outputs agree on those of prompt c: one row of each stays.
    once = [row(prompt, model) for prompt in "ca" for model in "mn"]
    rows = [*once, *({**r, "rating": 2.0 if r["id"] == "c" else 3.0} for r in once)]
    kept = summarization(write(rows, on_bad_row="drop"))
    assert kept.outcomes == {
        "kept": 2, "conflicting rows of one prompt and model": 4, "repeated row": 2,
    }  # fmt: skip
    told = [record.getMessage().partition("log.jsonl: ")[2] for record in caplog.records]
    assert told == [
        f"4 of 8 rows dropped: conflicting rows of one prompt and model; {ONE_ROW}",
        f"2 of 8 rows dropped: repeated row; {ONE_ROW}",
    ]


def test_what_an_error_shows_of_a_log_is_one_short_line(write: Write) -> None:
    rows = [*grid(), row("x" * 1000 + "\n\n", "m")]
    lines = message(write(rows)).split("\n")
    assert len(lines) == 3
    assert max(map(len, lines[1:])) < 210


def test_one_model_is_no_network(write: Write) -> None:
    found = message(write([r for r in grid() if r["system"] == "m"]))
    assert found.endswith("has outputs of 1 model; expected at least two models")
    assert message(write([])).endswith("are missing; found none")


def test_prompts_of_another_source(write: Write, tmp_path: Path) -> None:
    articles = [{"id": n, "article": f"article {n}", "highlights": f"h {n}"} for n in "dcba"]
    save(articles, tmp_path / "articles.jsonl")
    source = {"kind": "local", "path": str(tmp_path / "articles.jsonl")}
    columns = {"prompt": "id", "model": "system", "output": "text"}
    settings = write(grid(), columns=columns, prompts=source)
    found = summarization(settings)
    # d has no outputs
    assert found.instances == [Instance(n, None, f"article {n}", [f"h {n}"]) for n in "abc"]
    assert found.origin.startswith("log.jsonl@sha256:")
    assert "prompts articles.jsonl@sha256:" in found.origin
    assert [path.name for path in logs.files(settings, "summarization")] == [
        "log.jsonl",
        "articles.jsonl",
    ]
    unknown = write([*grid(), row("z", "m"), row("z", "n")], columns=columns, prompts=source)
    assert "row 7: prompt 'z' is not in" in message(unknown)
    dropped = summarization(unknown.model_copy(update={"on_bad_row": "drop"}))
    assert dropped.outcomes == {"kept": 6, "prompt id unknown": 2}


def test_references_from_lists_and_several_columns(write: Write) -> None:
    rows = [r | {"gold": ["one", "", "two"], "silver": "one", "asked": "What?"} for r in grid()]
    columns = COLUMNS | {"reference": ["gold", "silver"], "question": "asked"}
    for name in ("log.parquet", "log.jsonl"):
        found = read_log(write(rows, name, columns), "qa")
        assert found.instances[0] == Instance("a", "What?", "on a", ["one", "two"])
    without = {key: column for key, column in COLUMNS.items() if key != "reference"}
    assert summarization(write(grid(), columns=without)).instances[0].references == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("log.csv", None, "log.csv: no such file"),
        ("log.csv", b"", "log.csv: cannot be read as CSV in UTF-8"),
        ("log.csv", b"id,system\n1,\xff\n", "columns ['text', 'article', 'gold', 's', 'price', "),
        ("log.csv", b"id,system,text,article,gold,s,price,rating\n1,2,3,4,5,6,7,8,9\n",
         "log.csv: cannot be read as CSV in UTF-8"),
        ("log.csv", b"id,system,text,article,gold,s,price,rating\n1,2,\xff,4,5,6,7,8\n",
         "log.csv: cannot be read as CSV in UTF-8"),
        ("log.parquet", b"PAR1", "log.parquet: cannot be read as Parquet"),
        ("log.jsonl", b'{"id": 1', "log.jsonl, line 1: is not JSON"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_told(
    write: Write, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    settings = write(grid(), name)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    assert says in message(settings)
    assert says in str(logs.access_problem(settings))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": 5.5}, "column 'text' holds a float in row 1; expected text"),
        ({"id": True}, "column 'id' holds a bool in row 1; expected text"),
        ({"gold": {"a": 1}}, "column 'gold' holds something else in row 1; expected a text or"),
        ({"gold": [1]}, "column 'gold' holds something else in row 1; expected a text or texts"),
        ({"rating": True}, "column 'rating' holds a bool in row 1; expected a number"),
    ],
)
def test_a_value_of_another_type_is_no_bad_row_but_another_column(
    write: Write, change: dict[str, Any], says: str
) -> None:
    rows = grid()
    rows[0] |= change
    assert says in message(write(rows, on_bad_row="drop"))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("text", 5.5, "column 'text' holds Float64; expected texts"),
        ("gold", [1], "column 'gold' holds List(Int64); expected texts or lists of texts"),
        ("rating", True, "column 'rating' holds Boolean; expected numbers"),
    ],
)
def test_a_parquet_column_of_another_type(write: Write, column: str, value: Any, says: str) -> None:
    assert says in message(write([r | {column: value} for r in grid()], "log.parquet"))


def test_access_tells_of_missing_columns_and_of_nested_prompts(
    write: Write, tmp_path: Path
) -> None:
    assert logs.access_problem(write(grid())) is None
    wrong = write(grid(), columns=COLUMNS | {"model": "name"})
    assert "columns ['name'] are missing; found id, system, text" in str(logs.access_problem(wrong))
    columns = {"prompt": "id", "model": "system", "output": "text"}
    nested = {"kind": "local", "path": str(tmp_path / "nowhere.parquet")}
    assert "nowhere.parquet" in message(write(grid(), columns=columns, prompts=nested))


def test_settings_that_cannot_be(write: Write) -> None:
    with pytest.raises(ValidationError, match=r"ending in \.parquet, \.jsonl or \.csv"):
        Settings(
            kind="logs", path="a.xlsx", columns=logs.Columns(prompt="a", model="b", output="c")
        )
    with pytest.raises(ValidationError, match="expected worst and best to differ"):
        logs.Quality(column="a", worst=1, best=1)
