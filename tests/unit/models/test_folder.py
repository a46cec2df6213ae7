from __future__ import annotations

from pathlib import Path

import pytest

from poq.errors import PoqError
from poq.models.folder import building_folder, complete_folder, model_folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return the manifest of a folder with two files."""
    path = tmp_path / "m" / "poq-model.json"
    building = building_folder(path)
    (building / "config.json").write_text("{}")
    (building / "model.safetensors").write_bytes(b"weights")
    complete_folder(path, {"source": "here"})
    return path


def test_whole_folder_is_returned(manifest: Path) -> None:
    assert model_folder(manifest) == manifest.parent


def test_file_of_another_size_is_named(manifest: Path) -> None:
    (manifest.parent / "config.json").write_text("{ }")
    with pytest.raises(PoqError, match=r"config.json: found 3 bytes; expected 2 bytes"):
        model_folder(manifest)


def test_missing_file_is_named(manifest: Path) -> None:
    (manifest.parent / "model.safetensors").unlink()
    with pytest.raises(PoqError, match=r"model.safetensors: found no file"):
        model_folder(manifest)


def test_file_of_another_content_is_named(manifest: Path) -> None:
    (manifest.parent / "model.safetensors").write_bytes(b"weighty")
    with pytest.raises(PoqError, match=r"model.safetensors: sha256 is [0-9a-f]{64}; expected"):
        model_folder(manifest)


@pytest.mark.parametrize("content", ["{", "[]", '{"files": {"a": {"bytes": 1}}}'])
def test_damaged_manifest_is_named(manifest: Path, content: str) -> None:
    manifest.write_text(content)
    with pytest.raises(PoqError, match=rf"^{manifest}: .*Delete {manifest.parent} and run again"):
        model_folder(manifest)
