from __future__ import annotations

from pathlib import Path

import pytest

from poq.checkpoint import Checkpoint, clear


def test_values_are_found_by_key_and_identity(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path, {"code": "1"})
    first.put(["a", 1], {"x": [1, 2]})
    assert first.get(["a", 1]) == {"x": [1, 2]}
    assert first.get(["a", 2]) is None
    assert Checkpoint(tmp_path, {"code": "1"}).get(["a", 1]) == {"x": [1, 2]}
    assert Checkpoint(tmp_path, {"code": "2"}).get(["a", 1]) is None


def test_damaged_piece_counts_as_missing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.put("a", 1)
    (piece,) = tmp_path.rglob("*.json")
    piece.write_text('{"cut of')
    assert checkpoint.get("a") is None


def test_clear_removes_all_identities(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c", {"code": "1"}).put("a", 1)
    Checkpoint(tmp_path / "c", {"code": "2"}).put("a", 1)
    clear(tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_put_survives_a_clear_in_between(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", {})
    checkpoint.put("a", 1)
    clear(tmp_path / "c")
    checkpoint.put("b", 2)
    assert checkpoint.get("b") == 2


def test_piece_with_another_value_counts_as_missing_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.put("a", ["red", 0.1, float("inf")])
    assert checkpoint.get("a") == ["red", 0.1, float("inf")]
    (piece,) = tmp_path.rglob("*.json")
    # one flipped bit: "d" is 0x64, "e" 0x65
    piece.write_text(piece.read_text().replace("red", "ree"))
    assert checkpoint.get("a") is None
    assert f"{piece}: is damaged" in caplog.text
