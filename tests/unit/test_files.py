from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from poq.errors import PoqError
from poq.files import complete, read_json, refusal, write_text


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with complete(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), complete(tmp_path / "a.txt") as partial:
        partial.write_text("new")
        _ = 1 / 0
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_one_message_that_names_the_file(tmp_path: Path) -> None:
    # /dev/full answers every write as a full disk does
    with (
        pytest.raises(PoqError) as error,
        complete(tmp_path / "a.txt"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
    assert str(error.value) == f"{tmp_path}/a.txt: cannot be written: No space left on device"


def test_json_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(PoqError, match=r"a\.json: cannot be read as JSON: 'utf-8' codec"):
        read_json(path)
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}


def test_a_refusal_is_found_behind_what_a_library_makes_of_it() -> None:
    def wrapped() -> RuntimeError:
        try:
            raise OSError(errno.EROFS, "Read-only file system", "results/a")
        except OSError as error:
            wrapper = RuntimeError("cannot save")
            wrapper.__cause__ = error
            return wrapper

    assert refusal(wrapped()) == "results/a: Read-only file system"
    written = RuntimeError("I/O error: No space left on device (os error 28)\nmore")
    assert refusal(written) == "I/O error: No space left on device (os error 28)"
    assert refusal(sqlite3.OperationalError("database or disk is full")) is not None
    assert refusal(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None
    assert refusal(ValueError("x")) is None
