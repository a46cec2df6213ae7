import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poq.corpus import hub
from poq.corpus.rows import checked
from poq.errors import PoqError
from tests.hub_server import COMMIT, serving

ROW = {
    "id": "q1",
    "title": "",
    "context": "The gates were oak.",
    "question": "Which wood?",
    "answers": {"text": ["oak"], "answer_start": [15]},
}


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    # for the case that another test has imported the libraries before
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set in the hub's layout: its splits are told by the names of its files."""
    folder = tmp_path / "squad"
    (folder / "data").mkdir(parents=True)
    pl.DataFrame([ROW]).write_parquet(folder / "data" / "validation-00000-of-00001.parquet")
    return folder


def settings(dataset: Path, changes: Mapping[str, str] | None = None) -> hub.Settings:
    values = {"kind": "hub", "dataset": str(dataset), "revision": "v1", "split": "validation"}
    return hub.Settings.model_validate({**values, **(changes or {})})


def test_rows_of_a_split(dataset: Path) -> None:
    found = hub.read(settings(dataset), "qa")
    assert found.rows == [ROW]
    assert found.origin == f"{dataset}@v1[validation]"
    assert [instance.id for instance in checked(found, "qa").instances] == ["q1"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"split": "test"}, 'Unknown split "test"'),
        ({"name": "3.0.0"}, "BuilderConfig '3.0.0' not found"),
        (
            {"dataset": "nobody/nothing"},
            "nobody/nothing@v1: found nothing of it in the hub's cache",
        ),
    ],
    ids=["split", "configuration", "data set"],
)
def test_what_is_not_there_is_told(dataset: Path, changes: dict[str, str], reason: str) -> None:
    wrong = settings(dataset, changes)
    with pytest.raises(PoqError) as error:
        hub.read(wrong, "qa")
    where = f"data set {wrong.dataset}@v1[{wrong.split}]: cannot be loaded: "
    assert str(error.value).startswith(where)
    assert reason in str(error.value).removeprefix(where)


def test_damaged_data_are_told(tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "validation.jsonl").write_text('{"id": 1}\n{"id": \n')
    with pytest.raises(PoqError, match="cannot be loaded"):
        hub.read(settings(tmp_path / "damaged"), "qa")


README = """---
configs:
- config_name: short
  data_files:
  - split: validation
    path: short/validation-*
- config_name: long
  data_files:
  - split: validation
    path: long/validation-*
---
"""
READ = """
import json, sys
from poq import access
from poq.corpus import hub

values = {"kind": "hub", "dataset": "open/data", "split": "validation"}
settings = hub.Settings(**values, **json.loads(sys.argv[1]))
problems = access.problems({"source": ("poq.corpus", settings)})
print(json.dumps([problems, None if problems else [*hub.read(settings, "qa")[:2]]]))
"""


def test_with_a_full_cache_rows_are_read_offline_and_of_the_commit_that_is_meant(
    tmp_path: Path,
) -> None:
    repository = tmp_path / "served/datasets/open/data"
    for name, parts in (("short", 1), ("long", 2)):
        (repository / name).mkdir(parents=True)
        for part in range(parts):
            row = ROW | {"id": f"{name} {part}"}
            file = repository / name / f"validation-{part:05d}-of-{parts:05d}.parquet"
            pl.DataFrame([row]).write_parquet(file)
    (repository / "README.md").write_text(README)

    def read(**variables: str) -> Callable[..., Any]:
        def run(**values: str) -> Any:
            result = subprocess.run(
                [sys.executable, "-c", READ, json.dumps(values)],
                env=os.environ | {"HF_HOME": str(tmp_path / "hf")} | variables,
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            return json.loads(result.stdout)

        return run

    with serving(tmp_path / "served") as address:
        online = read(HF_ENDPOINT=address, HF_HUB_OFFLINE="0")
        problems, (rows, origin) = online(name="long", revision="main")
        assert problems == []
        assert [row["id"] for row in rows] == ["long 0", "long 1"]
        assert origin == f"open/data@{COMMIT}[validation]"
    # The server is gone.
    offline = read(HF_HUB_OFFLINE="1")
    for revision in ("main", COMMIT):
        assert offline(name="long", revision=revision) == [[], [rows, origin]]
    # Another commit than the cached one was once read from that.
    (problem,), found = offline(name="long", revision="f" * 40)
    assert found is None
    assert problem.startswith(f"source: open/data@{'f' * 40}: found nothing of it in the hub's ")


def test_files_that_were_downloaded_are_read_offline_if_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `hf download` leaves them: the data set was never loaded before."""
    folder = tmp_path / f"hf/datasets--open--data/snapshots/{COMMIT}"
    (folder / "data").mkdir(parents=True)
    for number in range(2):
        row = ROW | {"id": f"q{number}"}
        file = folder / f"data/validation-{number:05d}-of-00002.parquet"
        pl.DataFrame([row]).write_parquet(file)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    wanted = settings(Path("open/data"), {"revision": COMMIT})
    assert hub.access_problem(wanted) is None
    assert [row["id"] for row in hub.read(wanted, "qa").rows] == ["q0", "q1"]
    file.unlink()
    with pytest.raises(PoqError, match=rf"found 1 of 2 parts of data/validation in {folder}; exp"):
        hub.read(wanted, "qa")


def test_files_of_a_local_folder_count_and_the_hub_has_none(dataset: Path) -> None:
    (file,) = hub.files(settings(dataset), "qa")
    assert file.suffix == ".parquet"
    assert hub.files(settings(Path("rajpurkar/squad")), "qa") == []
