from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from poq import tables
from poq.schema import TABLES, Column

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def cells(column: Column) -> st.SearchStrategy[Any]:
    """What a column's contract allows."""
    values: st.SearchStrategy[Any]
    if column.values is not None:
        values = st.sampled_from(column.values)
    elif column.dtype == pl.Float64:
        values = st.floats(column.low, column.high, allow_nan=False, allow_infinity=False)
    elif column.dtype == pl.Int64:
        low = -(2**63) if column.low is None else int(column.low)
        values = st.integers(low, 2**63 - 1)
    elif column.dtype == pl.Boolean:
        values = st.booleans()
    else:
        values = TEXT if column.dtype == pl.String else st.lists(TEXT, max_size=3)
    return st.none() | values if column.nullable else values


def frames(table: str) -> st.SearchStrategy[pl.DataFrame]:
    contract = TABLES[table]
    row = st.fixed_dictionaries({column.name: cells(column) for column in contract.columns})
    unique = st.lists(
        row, max_size=5, unique_by=lambda cells: tuple(cells[name] for name in contract.key)
    )
    schema = {column.name: column.dtype for column in contract.columns}
    return unique.map(lambda rows: pl.DataFrame(rows, schema=schema))


@pytest.mark.parametrize("table", ["prompts", "outputs", "reliability"])
@settings(max_examples=25)
@given(st.data())
def test_what_is_written_is_read_sorted_by_key(
    tmp_path_factory: pytest.TempPathFactory, table: str, data: st.DataObject
) -> None:
    frame = data.draw(frames(table))
    path = tmp_path_factory.getbasetemp() / f"{table}.parquet"
    tables.write(frame, table, path, {"seed": "1"})
    assert_frame_equal(tables.read(table, path), frame.sort(TABLES[table].key), check_exact=True)
