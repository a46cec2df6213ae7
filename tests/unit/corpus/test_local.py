import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from poq.corpus.local import Settings, files, read, read_json_lines
from poq.corpus.rows import Rows, checked
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("news.json", json.dumps([ROW])),
        ("news.csv", 'id,article,highlights\nn1,"Long “story”.\u2028More.",Short.\n'),
        ("news.tsv", "id\tarticle\thighlights\nn1\tLong “story”.\u2028More.\tShort.\n"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = read_path(tmp_path / name)
    assert found.rows == [ROW]
    (instance,) = checked(found, "summarization").instances
    assert instance.references == ["Short."]


def test_a_cell_stays_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,article,highlights\n007,=1+1,\n")
    assert read_path(tmp_path / "a.csv").rows == [
        {"id": "007", "article": "=1+1", "highlights": ""}
    ]


def test_a_lone_surrogate_of_a_list_becomes_a_character(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id": "1", "article": "a\\ud83d"}]')
    assert read_path(tmp_path / "a.json").rows == [{"id": "1", "article": "a\ufffd"}]


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
        ("a.json", b'[{"id": 1}', "a.json: is not JSON: "),
        ("a.json", b'{"id": 1}', "a.json: is no list of JSON objects"),
        ("a.json", b'[{"id": 1}, "id"]', "a.json: is no list of JSON objects"),
        ("a.csv", b"id,article\n1,\xff\n", "a.csv: cannot be read as CSV in UTF-8: "),
        ("a.tsv", b"", "a.tsv: cannot be read as CSV in UTF-8: "),
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


@pytest.mark.parametrize("path", ["a.txt", "a.xlsx", "jsonl", "a.jsonl.gz"])
def test_other_suffixes_are_refused(path: str) -> None:
    expected = r"expected a file ending in \.parquet, \.jsonl, \.json, \.csv, \.tsv"
    with pytest.raises(ValidationError, match=expected):
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
    assert len(checked(read_path(path), task).instances) == rows


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
