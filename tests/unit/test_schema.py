import re

import pytest

from poq.schema import REFERENCE_METRICS, TABLES, Column, Table, data_dictionary

EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
ROWS = [line for line in data_dictionary().splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({}, ""),
        ({"low": 0}, "[0, inf)"),
        ({"high": 1}, "(-inf, 1]"),
        ({"low": -1, "high": 1}, "[-1, 1]"),
        ({"low": 0, "high": 0.25}, "[0, 0.25]"),
        ({"values": ("a", "b")}, "a, b"),
    ],
)
def test_range_in_words(bounds: dict[str, float], text: str) -> None:
    dtype = TABLES["costs"].columns[0].dtype
    column = Column("c", dtype, "", **bounds)  # type: ignore[arg-type]
    assert column.range_text() == text


@EVERY
def test_keys_are_columns_without_null(table: Table) -> None:
    by_name = {column.name: column for column in table.columns}
    assert len(by_name) == len(table.columns)
    assert set(table.key) <= set(by_name)
    assert not any(by_name[name].nullable for name in table.key)


@EVERY
def test_names_are_snake_case_and_columns_explained(table: Table) -> None:
    for column in table.columns:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name) or column.name in REFERENCE_METRICS
        assert column.description


def test_paths_are_unique() -> None:
    assert len({table.path for table in TABLES.values()}) == len(TABLES)


def test_dictionary_has_a_row_for_every_column() -> None:
    header = "| column | type | unit | range | null | meaning |"
    expected = [
        column.name
        for table in TABLES.values()
        for column in [*table.columns, *([table.further] if table.further else [])]
    ]
    names = [row.split("|")[1].strip().strip("*") for row in ROWS if row != header]
    assert names == expected


def test_dictionary_rows_have_as_many_cells_as_the_header() -> None:
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in ROWS} == {7}
