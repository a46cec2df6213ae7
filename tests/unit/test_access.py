from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poq import access
from poq.corpus import hub as corpus_hub
from poq.corpus import packaged
from poq.models import hub as model_hub
from tests.hub_server import small_hub, use


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with small_hub(monkeypatch, tmp_path):
        yield


def model(repository: str) -> model_hub.Settings:
    return model_hub.Settings(kind="hub", repository=repository, revision="main")


def test_all_problems_are_told_at_once_by_key() -> None:
    data = corpus_hub.Settings(kind="hub", dataset="nobody/data", revision="main", split="test")
    found = access.problems(
        {
            "models.open": ("poq.models", model("open/model")),
            "models.llama": ("poq.models", model("gated/llama")),
            "tasks.qa.source": ("poq.corpus", data),
            "tasks.summarization.source": ("poq.corpus", packaged.Settings(kind="packaged")),
        }
    )
    assert [line.split(" ")[0] for line in found] == ["models.llama:", "tasks.qa.source:"]


def test_unreachable_hub_is_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, "http://127.0.0.1:9", tmp_path)
    entries = {f"models.{i}": ("poq.models", model("open/model")) for i in range(3)}
    (line,) = access.problems(entries)
    assert line.startswith("models.0: open/model: the Hugging Face hub cannot be reached")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    assert access.unwritable([tmp_path, tmp_path / "to" / "be" / "made"]) == []
    # nobody can make a file in /proc, root included
    (line,) = access.unwritable([tmp_path, "/proc/results/demo"])
    assert line.startswith("/proc: cannot be written to: ")
