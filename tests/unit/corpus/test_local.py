import hashlib
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from poq.corpus.local import Settings, files, read, read_json_lines
from poq.corpus.rows import Rows, instances
from poq.errors import PoqError

ROW = {"id": "n1", "article": "Long “story”.\u2028More.", "highlights": "Short."}


def read_path(path: Path) -> Rows:
    return read(Settings(kind="local", path=str(path)), "summarization")


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    # a separator that splits lines elsewhere, a blank line, no newline at the end
    path.write_text(
        '{"id": "n1", "article": "Long “story”.\u2028More.", "highlights": "Short."}\n\n'
        '{"id": "n2", "article": "A", "highlights": "B"}',
        encoding="utf-8",
    )
    found = read_path(path)
    assert found.rows == [ROW, {"id": "n2", "article": "A", "highlights": "B"}]
    assert found.where == str(path)


def test_parquet(tmp_path: Path) -> None:
    row = {**ROW, "answers": {"text": ["A"], "answer_start": [0]}}
    pl.DataFrame([row]).write_parquet(tmp_path / "news.parquet")
    assert read_path(tmp_path / "news.parquet").rows == [row]


def test_origin_is_name_and_digest_without_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text("{}\n")
    digest = hashlib.sha256(b"{}\n").hexdigest()[:16]
    assert read_path(path).origin == f"news.jsonl@sha256:{digest}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", None, "a.jsonl: no such file"),
        ("a.jsonl", b'{"id": 1}\n\n{"id": \n', r"a.jsonl, line 3: is not JSON: "),
        ("a.jsonl", b'{"id": 1}\n["id"]\n', "a.jsonl, line 2: is no JSON object"),
        ("a.jsonl", b'{"id": "\xff"}\n', "a.jsonl: is not UTF-8: "),
        ("a.parquet", b"PAR1", "a.parquet: cannot be read as Parquet: "),
    ],
)
def test_a_malformed_file_is_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PoqError, match=message):
        read_path(tmp_path / name)


@pytest.mark.parametrize("path", ["a.csv", "a.json", "jsonl", "a.jsonl.gz"])
def test_other_suffixes_are_refused(path: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a file ending in \.jsonl or \.parquet"):
        Settings(kind="local", path=path)


def test_files_are_what_a_rule_depends_on() -> None:
    assert files(Settings(kind="local", path="data/a.jsonl"), "qa") == [Path("data/a.jsonl")]


@pytest.mark.parametrize(
    ("name", "task", "rows"),
    [("squad_1000", "qa", 1000), ("cnn_dailymail_100", "summarization", 100)],
)
def test_real_rows_are_valid(root: Path, name: str, task: str, rows: int) -> None:
    path = root.parent / "shared" / "data" / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is not at hand")
    assert len(instances(read_path(path), task)) == rows


def test_a_lone_surrogate_becomes_a_character_that_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "a\\ud83d", "\\udc00": ["\\ud83d\\ude00"], "n": NaN}\n'
    )
    (row,) = read_json_lines(tmp_path / "a.jsonl")
    assert list(row) == ["text", "\ufffd", "n"]
    assert row["text"] == "a\ufffd"
    assert row["\ufffd"] == ["\U0001f600"]


@pytest.mark.parametrize("line", ["[" * 100_000, '{"n": ' + "9" * 5000 + "}", "\x00", "{'a': 1}"])
def test_a_line_that_is_made_to_break_a_reader_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(PoqError, match=r"a.jsonl, line 2: is not JSON"):
        read_json_lines(tmp_path / "a.jsonl")
