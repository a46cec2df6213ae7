"""Tiny model folders, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import save_classifier, save_encoder

MakeClassifier = Callable[..., Path]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and 16 dimensions with random weights and a WordPiece tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    save_encoder(folder)
    return folder


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> MakeClassifier:
    """Make a sequence-classification folder; see :func:`tests.tiny_models.save_classifier`."""

    def make(bias: list[float], **options: Any) -> Path:
        folder = tmp_path_factory.mktemp("classifier")
        save_classifier(folder, bias, **options)
        return folder

    return make
