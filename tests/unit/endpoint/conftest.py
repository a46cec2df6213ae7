"""The packaged language model as GGUF, in the cache that the demo and the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from poq import config
from poq.models.fetch import fetch_model
from poq.models.folder import model_folder
from poq.provenance import digest
from tests.conftest import ROOT

NAME = "smollm2-135m-instruct-q4"


@pytest.fixture(scope="session")
def gguf_folder() -> Path:
    """Return the folder of the demo's GGUF model; fetched like the workflow does, if need be."""
    source = config.load_file(ROOT / "config" / "config.yaml").models[NAME].model_dump(mode="json")
    manifest = ROOT / "cache" / "models" / f"{NAME}-{digest(source)}" / "poq-model.json"
    if not manifest.exists():
        manifest.parent.parent.mkdir(parents=True, exist_ok=True)
        fetch_model(source, manifest)
    return model_folder(manifest)
