from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poq import hub
from poq.errors import PoqError
from tests.hub_server import COMMIT, TOKEN, small_hub, use


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with small_hub(monkeypatch, tmp_path):
        yield


def test_only_a_full_commit_hash_is_pinned() -> None:
    assert hub.is_pinned(COMMIT)
    assert not hub.is_pinned(COMMIT[:12])
    assert not hub.is_pinned("main")
    assert not hub.is_pinned(COMMIT.upper())


def test_a_branch_stands_for_a_commit() -> None:
    assert hub.resolve("open/model", "main", "model") == COMMIT


def test_a_commit_needs_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "http://127.0.0.1:9")
    assert hub.resolve("open/model", COMMIT, "model") == COMMIT


def test_what_is_open_has_no_problem() -> None:
    assert hub.access_problem("open/model", "main", "model") is None
    assert hub.access_problem("open/data", "main", "dataset") is None


def test_gated_model_without_a_token_says_where_to_go() -> None:
    assert hub.access_problem("gated/llama", "main", "model") == (
        "gated/llama is gated; found no token, expected one in HF_TOKEN (or `hf auth login`) of an "
        "account that accepted the licence at https://huggingface.co/gated/llama"
    )


def test_gated_model_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    problem = hub.access_problem("gated/llama", "main", "model")
    assert problem is not None
    assert "found a token without access" in problem
    assert "hf_of_somebody_else" not in problem
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert hub.access_problem("gated/llama", "main", "model") is None


def test_missing_repository_and_revision() -> None:
    missing = hub.access_problem("nobody/data", "main", "dataset")
    assert missing is not None
    assert "not on the hub, or is private; see https://huggingface.co/datasets/nobody" in missing
    moved = hub.access_problem("open/model", "v9", "model")
    assert moved == (
        "open/model has no revision 'v9'; see https://huggingface.co/open/model/commits/main"
    )


def test_unreachable_hub_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(PoqError, match=r"open/model: the Hugging Face hub cannot be reached"):
        hub.access_problem("open/model", "main", "model")


def test_offline_mode_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.access_problem("gated/llama", "main", "model") is None
    assert hub.resolve("open/model", "main", "model") == "main"
