import pytest

from poq.corpus.packaged import Settings, files, read
from poq.provenance import file_sha256

PACKAGED = Settings(kind="packaged")


@pytest.mark.parametrize(
    ("task", "name", "column"),
    [("qa", "qa.jsonl", "answers"), ("summarization", "news.jsonl", "highlights")],
)
def test_each_task_has_its_file(task: str, name: str, column: str) -> None:
    (path,) = files(PACKAGED, task)
    assert path.name == name
    found = read(PACKAGED, task)
    assert all(column in row for row in found.rows)
    assert found.origin == f"{name}@sha256:{file_sha256(path)[:16]}"
    assert found.where == str(path)
