from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from poq.errors import PoqError
from poq.models import hub
from poq.models.fetch import fetch_model
from tests.hub_server import COMMIT, serving, use

FILES = {"config.json", "1_Pooling/config.json", "model.safetensors"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return the folder of open/model, with files that must not be taken."""
    folder = tmp_path / "served/models/open/model"
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "1_Pooling/config.json"):
        (folder / name).write_text("{}")
    save_file({"w": np.arange(4, dtype=np.float32)}, folder / "model.safetensors")
    for name in ("pytorch_model.bin", "modeling_own.py", "model.onnx"):
        (folder / name).write_text("not wanted")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path) -> Iterator[list[str]]:
    """Serve the repository, and return the names of the files that are asked for."""
    requested: list[str] = []
    with serving(tmp_path / "served", requested) as address:
        use(monkeypatch, address, tmp_path / "hf")
        yield requested


def settings(revision: str = "main", **values: Any) -> hub.Settings:
    return hub.Settings(kind="hub", repository="open/model", revision=revision, **values)


def taken(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_safe_files_alone_are_downloaded(asked: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert hub.collect(settings(), folder) == f"open/model@{COMMIT}"
    assert taken(folder) == set(asked) == FILES


def test_pinned_commit_is_kept(asked: list[str], tmp_path: Path) -> None:
    commit = "f" * 40
    assert hub.collect(settings(commit), tmp_path / "folder") == f"open/model@{commit}"


def test_missing_revision_is_told(asked: list[str], tmp_path: Path) -> None:
    assert hub.access_problem(settings("v9")) is not None
    with pytest.raises(PoqError, match="open/model@v9: cannot be fetched"):
        hub.collect(settings("v9"), tmp_path / "folder")


def test_a_second_folder_is_filled_from_the_cache(asked: list[str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        hub.collect(settings(), tmp_path / name)
    assert taken(tmp_path / "two") == FILES
    assert asked.count("model.safetensors") <= 2  # its header and its content, once


def test_a_change_of_a_small_file_does_not_reach_the_cache(
    asked: list[str], tmp_path: Path
) -> None:
    hub.collect(settings(), tmp_path / "one")
    (tmp_path / "one/config.json").write_text("changed")
    hub.collect(settings(), tmp_path / "two")
    assert (tmp_path / "two/config.json").read_text() == "{}"


def test_damaged_weights_of_the_cache_are_not_taken(asked: list[str], tmp_path: Path) -> None:
    hub.collect(settings(), tmp_path / "one")
    content = (tmp_path / "one/model.safetensors").read_bytes()
    (blob,) = [p for p in tmp_path.glob("hf/*/blobs/*") if p.read_bytes() == content]
    blob.write_bytes(content[:-1] + b"x")
    with pytest.raises(PoqError, match=rf"{blob}: sha256 is \w+; expected {blob.name}, .* Delete"):
        hub.collect(settings(), tmp_path / "two")
    blob.unlink()
    hub.collect(settings(), tmp_path / "three")
    assert (tmp_path / "three/model.safetensors").read_bytes() == content


@pytest.fixture
def quantized(repository: Path) -> Path:
    """Return the folder of a repository of GGUF files in several quantisations."""
    for path in (repository / "model.safetensors", repository / "pytorch_model.bin"):
        path.unlink()
    (repository / "Q4_K_M").mkdir()
    for name, size in (("Q4_K_M/a.Q4_K_M.gguf", 20), ("a.Q8_0.gguf", 40), ("a.F16.gguf", 80)):
        (repository / name).write_bytes(b"GGUF".ljust(size))
    return repository


def test_quantisations_are_listed_before_any_is_downloaded(
    quantized: Path, asked: list[str], tmp_path: Path
) -> None:
    listed = (
        "found 3 GGUF files; expected one: name it under `files`, e.g. "
        "files: [Q4_K_M/a.Q4_K_M.gguf]. Found Q4_K_M/a.Q4_K_M.gguf (0.00 GB), a.F16.gguf "
        "(0.00 GB), a.Q8_0.gguf (0.00 GB)"
    )
    for keep in (False, True):
        assert hub.access_problem(settings(keep_gguf=keep)) == listed
        with pytest.raises(PoqError) as error:
            hub.collect(settings(keep_gguf=keep), tmp_path / "folder")
        assert str(error.value) == f"model open/model@main: cannot be fetched: {listed}"
    assert not [name for name in asked if name.endswith(".gguf")]


def test_one_quantisation_is_downloaded(quantized: Path, asked: list[str], tmp_path: Path) -> None:
    manifest = tmp_path / "cache/m/poq-model.json"
    source = settings(files=["*Q4_K_M.gguf"], keep_gguf=True)
    assert hub.access_problem(source) is None
    fetch_model(source.model_dump(mode="json"), manifest)
    # At the top of the folder, where llama.cpp and transformers look for it.
    assert sorted(json.loads(manifest.read_text())["files"]) == [
        "1_Pooling/config.json", "a.Q4_K_M.gguf", "config.json",
    ]  # fmt: skip
    assert {name for name in asked if name.endswith(".gguf")} == {"Q4_K_M/a.Q4_K_M.gguf"}


FETCH = """
import json, sys
from poq import access, kinds
from poq.errors import PoqError
from poq.models.fetch import fetch_model

source = json.loads(sys.argv[1])
problems = access.problems({"m": ("poq.models", kinds.settings("poq.models", source))})
try:
    fetch_model(source, sys.argv[2])
except PoqError as error:
    problems.append(str(error))
print(json.dumps(problems))
"""


@pytest.fixture
def fetch(tmp_path: Path, repository: Path) -> Callable[..., Any]:
    """Fetch in a process of its own, with variables of the environment; return the problems."""

    def run(folder: str, source: hub.Settings, **variables: str) -> Any:
        result = subprocess.run(
            [sys.executable, "-c", FETCH, source.model_dump_json(), tmp_path / folder / "m/m.json"],
            env=os.environ | {"HF_HOME": str(tmp_path / "hf")} | variables,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(result.stdout)

    return run


def test_with_a_full_cache_a_model_is_fetched_offline(
    fetch: Callable[..., Any], tmp_path: Path, repository: Path
) -> None:
    with serving(tmp_path / "served") as address:
        assert fetch("one", settings(), HF_ENDPOINT=address, HF_HUB_OFFLINE="0") == []
    for folder, revision in (("two", "main"), ("three", COMMIT)):
        assert fetch(folder, settings(revision), HF_HUB_OFFLINE="1") == []
        assert taken(tmp_path / folder / "m") == {*FILES, "m.json"}
    origin = json.loads((tmp_path / "two/m/m.json").read_text())["origin"]
    assert origin == f"open/model@{COMMIT}"


def test_a_cache_that_other_tools_filled_serves_offline(
    fetch: Callable[..., Any], tmp_path: Path, repository: Path
) -> None:
    """transformers fetches file by file; no list of the repository's files is kept then."""
    code = "import sys; from huggingface_hub import hf_hub_download as get\n"
    code += "[get('open/model', name) for name in sys.argv[1:]]"
    with serving(tmp_path / "served") as address:
        subprocess.run(
            [sys.executable, "-c", code, *FILES], check=True,
            env=os.environ
            | {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0"},
        )  # fmt: skip
    assert fetch("one", settings(), HF_HUB_OFFLINE="1") == []
    assert taken(tmp_path / "one/m") == {*FILES, "m.json"}


def test_offline_without_a_cache_there_is_one_clear_error(
    fetch: Callable[..., Any], tmp_path: Path, repository: Path
) -> None:
    before, at_last = fetch("one", settings(), HF_HUB_OFFLINE="1")
    clear = f"open/model@main: found nothing of it in the hub's cache {tmp_path}/hf/hub, and "
    assert before.startswith(f"m: {clear}HF_HUB_OFFLINE=1 forbids to download; expected it there")
    assert at_last.startswith(f"model open/model@main: cannot be fetched: {clear}")
    assert not (tmp_path / "one/m").exists()


def test_offline_a_model_that_was_fetched_in_part_is_one_clear_error(
    fetch: Callable[..., Any], tmp_path: Path, repository: Path
) -> None:
    with serving(tmp_path / "served") as address:
        assert fetch("one", settings(), HF_ENDPOINT=address, HF_HUB_OFFLINE="0") == []
    (weights,) = tmp_path.glob("hf/hub/*/snapshots/*/model.safetensors")
    weights.unlink()
    before, at_last = fetch("two", settings(), HF_HUB_OFFLINE="1")
    assert before.startswith(f"m: open/model@{COMMIT}: found a part of it in the hub's cache")
    assert "found a part of it" in at_last
