from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import settings
from snakemake.utils import update_config

from poq.schema import TABLES, Column

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

Frames = Callable[..., pl.DataFrame]
ROOT = Path(__file__).parent.parent
_CONFIG: dict[str, Any] = {}
for name in ("config", "trained"):  # as Snakemake does with several files
    file = ROOT / "config" / f"{name}.yaml"
    update_config(_CONFIG, yaml.safe_load(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture
def demo_config() -> dict[str, Any]:
    """The demo with the trained evaluator laid over it, parsed: a copy to change at will."""
    return copy.deepcopy(_CONFIG)


@pytest.fixture(scope="session")
def frame() -> Frames:
    """Make a frame that fulfils a table's contract; columns that are not given get a default.

    A list gives a column's rows; any other value stands in every row.
    """

    def make(table: str, **columns: Any) -> pl.DataFrame:
        contract = TABLES[table].columns
        height = max((len(v) for v in columns.values() if isinstance(v, list)), default=1)
        rows = {c.name: columns.get(c.name, _default(c)) for c in contract}
        data = {n: v if isinstance(v, list) else [v] * height for n, v in rows.items()}
        return pl.DataFrame(data, schema={c.name: c.dtype for c in contract})

    return make


def _default(column: Column) -> Any:
    if column.name == "reference":
        return "token_f1"
    if column.nullable:
        return None
    if column.values is not None:
        return column.values[0]
    if isinstance(column.dtype, pl.List):
        return ("a reference",)
    if column.low is not None and column.low > 0.5:
        return column.low
    return {"String": "x", "Float64": 0.5, "Int64": 1, "Boolean": False}[str(column.dtype)]
