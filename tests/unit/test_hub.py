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


def test_a_commit_needs_no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, "http://127.0.0.1:9", tmp_path)
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


def test_unreachable_hub_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(PoqError, match=r"open/model: the Hugging Face hub cannot be reached"):
        hub.access_problem("open/model", "main", "model")


def test_a_repository_without_a_configuration_has_no_problem(tmp_path: Path) -> None:
    # GGUF repositories often have none; a card is open to anyone and shows nothing.
    for name in ("open/model", "gated/llama"):
        folder = tmp_path / "models" / name
        (folder / "config.json").rename(folder / "a.Q4_K_M.gguf")
        (folder / "README.md").touch()
    assert hub.access_problem("open/model", "main", "model") is None
    problem = hub.access_problem("gated/llama", "main", "model")
    assert problem is not None
    assert problem.startswith("gated/llama is gated")


def test_files_have_sizes(tmp_path: Path) -> None:
    (tmp_path / "models/open/model/1_Pooling").mkdir()
    (tmp_path / "models/open/model/1_Pooling/config.json").write_text("{ }")
    found = hub.listing("open/model", COMMIT, "model")
    assert found == {"1_Pooling/config.json": 3, "config.json": 2, "model.safetensors": 0}


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the hub's cache with a file of open/model and open/data each, then go offline."""
    hub.snapshot("open/model", "main", "model", ["config.json"])
    hub.snapshot("open/data", "main", "dataset", ["README.md"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


def test_offline_a_branch_stands_for_the_commit_that_it_stood_for(cached: None) -> None:
    assert hub.resolve("open/model", "main", "model") == COMMIT
    assert hub.resolve("open/data", "main", "dataset") == COMMIT
    assert hub.snapshot("open/model", "main", "model", ["config.json"]).name == COMMIT


def test_offline_the_cache_has_no_problem(cached: None) -> None:
    assert hub.access_problem("open/model", "main", "model") is None
    assert hub.access_problem("open/model", COMMIT, "model") is None
    assert hub.access_problem("open/data", "main", "dataset") is None


def test_offline_what_the_cache_lacks_is_a_problem(cached: None, tmp_path: Path) -> None:
    assert hub.access_problem("gated/llama", "main", "model") == (
        f"gated/llama@main: found nothing of it in the hub's cache {tmp_path / 'cache'}, and "
        "HF_HUB_OFFLINE=1 forbids to download; expected it there (`hf download gated/llama "
        "--revision main`, with a connection, fills the cache)"
    )
    other = "f" * 40
    problem = hub.access_problem("open/data", other, "dataset")
    assert problem is not None
    assert problem.startswith(f"open/data@{other}: found nothing of it")
    assert f"`hf download --repo-type dataset open/data --revision {other}`" in problem
    with pytest.raises(PoqError, match="open/model@main: found a part of it"):
        hub.snapshot("open/model", "main", "model", ["model.safetensors"])
    with pytest.raises(PoqError, match="gated/llama@main: found nothing of it"):
        hub.resolve("gated/llama", "main", "model")
