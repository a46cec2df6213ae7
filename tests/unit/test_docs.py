"""Files that are generated from the code, and what they have to explain."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import poq.config
import poq.schema

SCHEMA = poq.config.json_schema()


def test_schema_is_generated(root: Path) -> None:
    expected = json.dumps(SCHEMA, indent=2) + "\n"
    assert (root / "config" / "schema.json").read_text(encoding="utf-8") == expected


def test_data_dictionary_is_generated(root: Path) -> None:
    found = (root / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert found == poq.schema.data_dictionary()


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "Config", SCHEMA
    yield from SCHEMA["$defs"].items()


def test_every_leaf_key_is_described() -> None:
    """A key that only tells kinds apart is described by its section's description."""
    leaves = {
        f"{name}.{key}": value
        for name, section in _objects()
        for key, value in section["properties"].items()
        if "$ref" not in value and "const" not in value
    }
    assert len(leaves) > 30
    assert [name for name, value in leaves.items() if not value.get("description")] == []


def test_every_section_is_described() -> None:
    assert [name for name, section in _objects() if not section.get("description")] == []
