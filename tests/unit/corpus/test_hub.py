from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from poq.corpus import hub
from poq.corpus.rows import instances
from poq.errors import PoqError

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
    assert [instance.id for instance in instances(found, "qa")] == ["q1"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"split": "test"}, 'Unknown split "test"'),
        ({"name": "3.0.0"}, "BuilderConfig '3.0.0' not found"),
        # Its reason in brackets depends on what else the process has loaded.
        ({"dataset": "nobody/nothing"}, "Couldn't reach 'nobody/nothing' on the Hub"),
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


def test_files_of_a_local_folder_count_and_the_hub_has_none(dataset: Path) -> None:
    (file,) = hub.files(settings(dataset), "qa")
    assert file.suffix == ".parquet"
    assert hub.files(settings(Path("rajpurkar/squad")), "qa") == []
