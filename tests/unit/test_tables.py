from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from poq import tables
from poq.errors import PoqError
from poq.schema import TABLES
from tests.conftest import Frames

STAMP = {"config_digest": "c0ffee", "seed": "7"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.parquet"


@pytest.mark.parametrize("table", TABLES)
def test_what_was_written_is_read(table: str, frame: Frames, path: Path) -> None:
    tables.write(frame(table), table, path, STAMP)
    assert_frame_equal(tables.read(table, path), frame(table))


def test_rows_are_sorted_by_key_and_columns_put_in_order(frame: Frames, path: Path) -> None:
    rows = frame("outputs", prompt_id=["b", "a", "b"], model=["m", "n", "l"])
    tables.write(rows.select(reversed(rows.columns)), "outputs", path, STAMP)
    found = tables.read("outputs", path)
    assert found.columns == rows.columns
    assert found.select("prompt_id", "model").rows() == [("a", "n"), ("b", "l"), ("b", "m")]


def test_narrow_types_and_columns_of_nulls_are_cast(frame: Frames, path: Path) -> None:
    rows = frame("outputs").with_columns(
        pl.col("input_tokens").fill_null(3).cast(pl.Int16), seed=pl.lit(None)
    )
    tables.write(rows, "outputs", path, STAMP)
    assert tables.read("outputs", path).schema == frame("outputs").schema


def test_whole_numbers_stand_for_numbers(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds").with_columns(consensus=pl.lit(7)), "rounds", path, STAMP)
    assert tables.read("rounds", path)["consensus"].to_list() == [7.0]


def test_a_table_may_be_empty(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds").clear(), "rounds", path, STAMP)
    assert_frame_equal(tables.read("rounds", path), frame("rounds").clear())


def test_the_same_rows_give_the_same_bytes(frame: Frames, tmp_path: Path) -> None:
    rows = frame("prompts", prompt_id=["a", "b", "c"])
    for name, order in (("one", rows), ("two", rows.reverse())):
        tables.write(order, "prompts", tmp_path / name, STAMP)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_several_files_are_one_table(frame: Frames, tmp_path: Path) -> None:
    paths = [tmp_path / "two", tmp_path / "one"]
    for path in paths:
        tables.write(frame("outputs", model=path.name), "outputs", path, STAMP)
    assert tables.read("outputs", *paths)["model"].to_list() == ["two", "one"]


def test_a_key_in_two_files_is_refused(frame: Frames, tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        tables.write(frame("outputs", model="m"), "outputs", path, STAMP)
    with pytest.raises(PoqError) as error:
        tables.read("outputs", *paths)
    assert str(error.value) == (
        f"{paths[0]}, {paths[1]} (table outputs): "
        "key ['prompt_id', 'model'] is not unique, e.g. ('x', 'm')"
    )


@pytest.mark.parametrize(
    ("table", "columns", "problem"),
    [
        (
            "rounds",
            {"round": [1, 2, 2]},
            "key ['round'] is not unique, e.g. (2,)",
        ),
        (
            "rounds",
            {"round": [1, 2], "consensus": [3.0, 10.5]},
            "column 'consensus' is 10.5 in row 1; expected [0, 10]",
        ),
        ("rounds", {"consensus": -0.1}, "column 'consensus' is -0.1 in row 0; expected [0, 10]"),
        ("rounds", {"round": -1}, "column 'round' is -1 in row 0; expected [0, inf)"),
        (
            "rounds",
            {"task": "chat"},
            "column 'task' is 'chat' in row 0; expected one of qa, summarization",
        ),
        (
            "rounds",
            {"round": [1, 2], "model": ["m", None]},
            "column 'model' is null in row 1; expected a value",
        ),
        (
            "quality",
            {"mean": 0.5, "mean_low": 1.5},
            "column 'mean_low' is 1.5 in row 0; expected [0, 1]",
        ),
    ],
)
def test_wrong_values_are_refused(
    table: str, columns: dict[str, Any], problem: str, frame: Frames, path: Path
) -> None:
    with pytest.raises(PoqError) as error:
        tables.write(frame(table, **columns), table, path, STAMP)
    assert str(error.value) == f"{path} (table {table}): {problem}"
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows.drop("task", "model"), "columns ['task', 'model'] are missing"),
        (lambda rows: rows.with_columns(z=1), "columns ['z'] are not in the contract"),
        (
            lambda rows: rows.with_columns(round=1.0),
            "column 'round' has type Float64; expected Int64",
        ),
        (
            lambda rows: rows.with_columns(consensus=pl.lit("7")),
            "column 'consensus' has type String; expected Float64",
        ),
        (
            lambda rows: rows.with_columns(pl.col("task").cast(pl.Categorical)),
            "column 'task' has type Categorical; expected String",
        ),
        (
            lambda rows: rows.with_columns(model=pl.lit(None)),
            "column 'model' is null in row 0; expected a value",
        ),
        (
            lambda rows: rows.with_columns(z=1, round=-1, task=pl.lit("chat")),
            "columns ['z'] are not in the contract; column 'round' is -1 in row 0; expected "
            "[0, inf); column 'task' is 'chat' in row 0; expected one of qa, summarization",
        ),
    ],
    ids=["missing", "extra", "float for int", "text for float", "categorical", "nulls", "all told"],
)
def test_wrong_columns_are_refused(
    change: Callable[[pl.DataFrame], pl.DataFrame], problem: str, frame: Frames, path: Path
) -> None:
    with pytest.raises(PoqError) as error:
        tables.write(change(frame("rounds")), "rounds", path, STAMP)
    assert str(error.value) == f"{path} (table rounds): {problem}"


def test_nan_is_refused_where_null_may_stand(frame: Frames, path: Path) -> None:
    with pytest.raises(PoqError, match="column 'reward' is NaN in row 0; use null"):
        tables.write(frame("rewards", reward=float("nan")), "rewards", path, STAMP)


def test_infinity_is_refused(frame: Frames, path: Path) -> None:
    with pytest.raises(PoqError, match="column 'seconds' is inf"):
        tables.write(frame("profile", seconds=float("inf")), "profile", path, STAMP)


def test_a_ranged_column_may_be_null_throughout(frame: Frames, path: Path) -> None:
    rows = frame("rewards", node=["a", "b"]).with_columns(quality=pl.lit(None))
    assert rows["quality"].dtype == pl.Null
    tables.write(rows, "rewards", path, {})
    assert tables.read("rewards", path)["quality"].to_list() == [None, None]


def test_null_in_a_list_is_refused(frame: Frames, path: Path) -> None:
    with pytest.raises(PoqError, match="column 'references'"):
        tables.write(frame("prompts", references=[[None]]), "prompts", path, STAMP)


def test_an_integer_that_does_not_fit_is_refused(frame: Frames, path: Path) -> None:
    rows = frame("outputs").with_columns(seed=pl.lit(2**63, dtype=pl.UInt64))
    with pytest.raises(PoqError, match="column 'seed'"):
        tables.write(rows, "outputs", path, STAMP)


def test_a_failed_write_leaves_the_folder_as_it_was(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds"), "rounds", path, STAMP)
    before = path.read_bytes()
    with pytest.raises(PoqError):
        tables.write(frame("rounds", round=-1), "rounds", path, STAMP)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_provenance_is_kept_with_the_name_of_the_table(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds"), "rounds", path, STAMP)
    assert tables.provenance(path) == {"table": "rounds", **STAMP}


def test_another_table_is_refused(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds"), "rounds", path, STAMP)
    with pytest.raises(PoqError) as error:
        tables.read("ratings", path)
    assert str(error.value) == f"{path}: holds table 'rounds'; expected 'ratings'"


def test_further_columns_are_kept_sorted_and_checked(frame: Frames, path: Path) -> None:
    rows = frame("dimensions").with_columns(pl.lit(0.5).alias("b"), pl.lit(None).alias("a.x"))
    tables.write(rows, "dimensions", path, STAMP)
    found = tables.read("dimensions", path)
    assert found.columns[-2:] == ["a.x", "b"]
    assert found["a.x"].dtype == pl.Float64
    with pytest.raises(PoqError, match=r"column 'b' is 1\.5 in row 0; expected \[0, 1\]"):
        tables.write(rows.with_columns(b=1.5), "dimensions", path, STAMP)


def test_contract_is_enforced_on_read(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds"), "rounds", path, STAMP)
    found = pq.read_table(path)
    bent = frame("rounds", consensus=11.0).to_arrow(compat_level=pl.CompatLevel.oldest())
    pq.write_table(bent.replace_schema_metadata(found.schema.metadata), path)
    with pytest.raises(PoqError, match=r"column 'consensus' is 11\.0 in row 0"):
        tables.read("rounds", path)


def test_a_file_of_another_writer_is_refused(frame: Frames, path: Path) -> None:
    frame("rounds").write_parquet(path)
    with pytest.raises(PoqError) as error:
        tables.read("rounds", path)
    assert str(error.value) == f"{path}: carries no provenance; expected a table written by poq"


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more"])
def test_a_missing_or_foreign_file_is_refused(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PoqError, match=f"{path.name}: cannot be read as Parquet: "):
        tables.read("rounds", path)


def test_a_cut_file_is_refused(frame: Frames, path: Path) -> None:
    tables.write(frame("rounds"), "rounds", path, STAMP)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PoqError, match="cannot be read as Parquet"):
        tables.read("rounds", path)


def test_a_flipped_bit_in_the_data_is_found(frame: Frames, path: Path) -> None:
    scores = np.random.default_rng(0).uniform(0, 10, 4000)
    rows = frame("rounds", round=list(range(4000)), consensus=scores.tolist())
    tables.write(rows, "rounds", path, STAMP)
    column = pq.read_metadata(path).row_group(0).column(rows.columns.index("consensus"))
    content = bytearray(path.read_bytes())
    content[column.dictionary_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(PoqError, match=f"{path.name}: is damaged: "):
        tables.read("rounds", path)


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_a_flipped_bit_anywhere_is_named_or_changes_nothing(
    flip: int, frame: Frames, path: Path
) -> None:
    rows = frame("rounds", round=[1, 2, 3], consensus=[0.5, 2.0, 9.0])
    tables.write(rows, "rounds", path, STAMP)
    content, provenance = path.read_bytes(), tables.provenance(path)
    named = 0
    for place in range(len(content)):
        changed = bytes([content[place] ^ flip])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        try:
            found = tables.read("rounds", path)
        except PoqError as error:
            assert str(error).startswith(str(path))
            named += 1
        else:
            assert found.equals(rows)
            assert tables.provenance(path) == provenance
    # Names and statistics that nobody reads are the rest.
    assert named > len(content) / 2


def test_outputs_of_the_training_split_are_not_evaluated(frame: Frames) -> None:
    prompts = frame("prompts", prompt_id=["a", "b", "c"], split=["training", "test", "calibration"])
    outputs = frame("outputs", prompt_id=["c", "a", "b"])
    found = tables.evaluated(outputs, prompts)
    assert found.select("prompt_id", "split").rows() == [("c", "calibration"), ("b", "test")]
    with pytest.raises(PoqError, match=r"prompts: \['a'\] of 1 are missing"):
        tables.evaluated(outputs, prompts.tail(2))


def test_no_file_is_a_table_without_rows() -> None:
    found = tables.read("scores")
    assert found.is_empty()
    assert found.schema == {column.name: column.dtype for column in TABLES["scores"].columns}
