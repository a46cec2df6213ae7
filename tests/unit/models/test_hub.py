from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poq.errors import PoqError
from poq.models import hub
from tests.hub_server import COMMIT, serving, use


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    repository = tmp_path / "hub/models/open/model"
    (repository / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "1_Pooling/config.json", "model.safetensors"):
        (repository / name).write_text("{}")
    for name in ("pytorch_model.bin", "modeling_own.py", "model.onnx"):
        (repository / name).write_text("not wanted")
    with serving(tmp_path / "hub") as address:
        use(monkeypatch, address)
        yield


def settings(revision: str = "main") -> hub.Settings:
    return hub.Settings(kind="hub", repository="open/model", revision=revision)


def test_safe_files_alone_are_downloaded(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert hub.collect(settings(), folder) == f"open/model@{COMMIT}"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(".cache")} == {
        "config.json",
        "1_Pooling/config.json",
        "model.safetensors",
    }


def test_pinned_commit_is_kept(tmp_path: Path) -> None:
    commit = "f" * 40
    assert hub.collect(settings(commit), tmp_path / "folder") == f"open/model@{commit}"


def test_missing_revision_is_told(tmp_path: Path) -> None:
    assert hub.access_problem(settings("v9")) is not None
    with pytest.raises(PoqError, match="open/model@v9: cannot be fetched"):
        hub.collect(settings("v9"), tmp_path / "folder")
