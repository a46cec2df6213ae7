"""Causal language models of a few thousand random weights, in the hub's layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from poq.prompting import PromptFormat
from tests.tiny_models import save_language_model, save_stand_in

FORMAT = PromptFormat("$context Q:$question A:", "ab", "c", "d")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random Llama without a chat template."""
    folder = tmp_path_factory.mktemp("tiny")
    save_language_model(folder)
    return folder


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function of a repository's name: the folder of its stand-in."""

    @cache
    def folder(repository: str) -> Path:
        made = tmp_path_factory.mktemp("stand-in") / repository.rpartition("/")[2]
        save_stand_in(made, repository)
        return made

    return folder
