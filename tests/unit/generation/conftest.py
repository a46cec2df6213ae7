"""A causal language model of a few thousand random weights, in the hub's layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from poq.prompting import PromptFormat
from tests.tiny_models import save_language_model

FORMAT = PromptFormat("$context Q:$question A:", "ab", "c", "d")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random Llama without a chat template."""
    folder = tmp_path_factory.mktemp("tiny")
    save_language_model(folder)
    return folder
