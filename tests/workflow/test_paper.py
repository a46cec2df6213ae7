"""config/paper.yaml: listed whole, stopped early where the hub is out of reach, run to its end.

The hub is one on loopback that serves repositories of the same names: the project's own corpus in
the columns and layout of the real data sets, and models of the real types, tokenizers and chat
templates with a few thousand random weights. The judge is a server on loopback that fails as real
ones do.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from poq import tables
from poq.provenance import ROOT
from tests.hub_server import TOKEN, serving
from tests.tiny_models import save_stand_in
from tests.unit.endpoint.fault_server import FaultServer
from tests.workflow.conftest import command, environment

pytestmark = pytest.mark.workflow
GATED = ("google/gemma-2-2b-it", "meta-llama/Llama-3.2-3B-Instruct")
KEY = "sk-nobody-may-read-this"
CONFIGS = """---
configs:
- config_name: 3.0.0
  data_files:
  - split: test
    path: 3.0.0/test-*
---
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all repositories of the paper, each in the hub's layout."""
    root = tmp_path_factory.mktemp("hub")
    squad, news = root / "datasets/rajpurkar/squad", root / "datasets/abisee/cnn_dailymail"
    for corpus, file in (
        ("qa", squad / "plain_text/validation-00000-of-00001.parquet"),
        ("news", news / "3.0.0/test-00000-of-00001.parquet"),
    ):
        file.parent.mkdir(parents=True)
        lines = (ROOT / "resources/corpus" / f"{corpus}.jsonl").read_text().splitlines()
        pl.DataFrame([json.loads(line) for line in lines]).write_parquet(file)
    (news / "README.md").write_text(CONFIGS)
    for source in paper()["models"].values():
        folder = root / "models" / source["repository"]
        folder.mkdir(parents=True)
        save_stand_in(folder, source["repository"])
        if source["repository"] in GATED:
            (folder / "GATED").touch()
    return root


@pytest.fixture(scope="module")
def hub(repositories: Path) -> Iterator[str]:
    """Return the address of the hub."""
    with serving(repositories) as address:
        yield address


def paper() -> dict[str, dict[str, dict[str, str]]]:
    values: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
        (ROOT / "config/paper.yaml").read_text()
    )
    return values


def run(
    folder: Path, address: str, *arguments: str, token: str = "", key: str = "", **further: str
) -> tuple[int, str]:
    """Run the paper's configuration against a hub; return the exit status and what was printed.

    ``further`` variables of the environment go before those that are set here.
    """
    variables = {"HF_ENDPOINT": address, "HF_TOKEN": token, "HF_HOME": str(folder / "hf")}
    variables["OPENAI_API_KEY"] = key
    result = subprocess.run(
        command(folder, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment() | variables | {"HF_HUB_OFFLINE": "0"} | further,
        timeout=600,
    )
    return result.returncode, result.stdout


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return a folder with the paper's configuration as it is."""
    shutil.copy(ROOT / "config/paper.yaml", tmp_path / "config.yaml")
    return tmp_path


def test_dry_run_lists_the_whole_paper_and_warns_of_what_may_move(whole: Path) -> None:
    status, printed = run(whole, "http://127.0.0.1:9", "--dry-run")
    assert status == 0
    counts = dict(re.findall(r"^(\w+) +(\d+)$", printed, flags=re.MULTILINE))
    assert counts["generate_outputs"] == counts["profile_node"] == "5"
    assert counts["fetch_model"] == "8"
    moving = [key for key, source in paper()["models"].items() if source["revision"] == "main"]
    warnings = re.findall(r"^warning: models\.(\S+)\.revision: 'main' may move", printed, re.M)
    assert warnings == moving


def test_unreachable_hub_is_one_clear_error_at_once(whole: Path) -> None:
    status, printed = run(whole, "http://127.0.0.1:9", key=KEY)
    assert status == 1
    assert printed.count("the Hugging Face hub cannot be reached") == 1
    assert "Traceback" not in printed
    assert not (whole / "results/paper").exists()


def test_missing_token_and_key_stop_the_run_before_anything_runs(whole: Path, hub: str) -> None:
    status, printed = run(whole, hub)
    assert status == 1
    for repository in GATED:
        assert f"{repository} is gated; found no token, expected one in HF_TOKEN" in printed
        assert f"licence at https://huggingface.co/{repository}" in printed
    assert "evaluators.gpt-judge: gpt-4o-mini" in printed
    assert "environment variable OPENAI_API_KEY is not set; expected the API key" in printed
    assert not (whole / "results/paper").exists()


def small() -> dict[str, Any]:
    """Return the paper's configuration with five prompts a task and small simulations."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    for task in values["tasks"].values():
        task |= {"sample": 5, "max_output_tokens": 4}
    values["costs"] |= {"requests": 10, "warmup": 0, "threads": 1}
    values["serving"]["threads"] = values["scoring"]["threads"] = 1
    values["bootstrap"]["resamples"] = 100
    small = {
        "rounds": 40,
        "replications": 2,
        "resamples": 5,
        "trust_study": {"trust": ["published"]},
    }
    values["robustness"] |= small
    grid = {"consensus": ["mean", "median"], "evaluators_per_round": [5]}
    values["robustness"]["grids"]["paper"] |= grid
    return values


def finish(
    folder: Path, address: str, values: dict[str, Any], *targets: str, token: str
) -> tuple[str, set[str]]:
    """Run to the end, or to some tables, with a judge that fails at times.

    Returns:
        What was printed, and the origins of the models.
    """
    with FaultServer(key=KEY) as server:
        here = {"base_url": server.base_url, "timeout": 0.5, "backoff": 0.01}
        values["evaluators"]["gpt-judge"]["endpoint"] |= here
        values["inference_nodes"]["remote"] = {
            "kind": "openai",
            "endpoint": {**here, "model": "remote", "concurrency": 2},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        status, printed = run(folder, address, "--cores", "2", *targets, token=token, key=KEY)
        server.shutdown()
    assert status == 0, printed
    grades = tables.read("scores", folder / "results/paper/scores/gpt-judge.parquet")
    assert grades["raw"].n_unique() > 2
    reliability = tables.read("reliability", folder / "results/paper/reliability.parquet")
    assert set(reliability["evaluator"]) == values["evaluators"].keys()
    manifests = sorted((folder / "cache/models").glob("*/poq-model.json"))
    origins = {json.loads(path.read_text())["origin"] for path in manifests}
    return printed, origins


def test_the_paper_runs_to_its_end_from_a_hub(tmp_path: Path, hub: str) -> None:
    values = small()
    printed, origins = finish(tmp_path, hub, values, token=TOKEN)
    rewards = tables.read("rewards", tmp_path / "results/paper/simulation/rewards.parquet")
    assert set(rewards["node"]) == {*values["inference_nodes"], *values["evaluators"]}
    for secret in (TOKEN, KEY):
        assert secret not in printed
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in written if secret.encode() in path.read_bytes()]
    assert all(re.fullmatch(r".+/.+@[0-9a-f]{40}", origin) for origin in origins)
    assert len(origins) == len(paper()["models"])
    folder = tmp_path / "results/paper"
    outputs = tables.read("outputs", *sorted((folder / "outputs").glob("*.parquet")))
    attention = dict(outputs.drop_nulls("attention").select("model", "attention").iter_rows())
    assert attention == dict.fromkeys(paper()["inference_nodes"], "sdpa") | {"gemma-2-2b": "eager"}
    assert re.search(r"gemma-2-2b +(float32|bfloat16), eager", (folder / "summary.txt").read_text())


def test_what_was_fetched_once_is_had_offline(tmp_path: Path, repositories: Path) -> None:
    """A second run with the same cache, on a machine from which no hub can be reached."""
    values = small()
    home = {"HF_HOME": str(tmp_path / "hf")}
    until = ("--cores", "2", "--until", "fetch_model", "build_prompts")
    found = []
    for name in ("online", "offline", "nowhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    with serving(repositories) as address:
        found.append(run(tmp_path / "online", address, *until, token=TOKEN, **home))
    gone = "http://127.0.0.1:9"
    found.append(run(tmp_path / "offline", gone, *until, HF_HUB_OFFLINE="1", **home))
    assert [status for status, _ in found] == [0, 0], found
    prompts = [
        tables.read("prompts", tmp_path / name / "results/paper/prompts.parquet")
        for name in ("online", "offline")
    ]
    assert prompts[0].equals(prompts[1])
    manifests = [
        {path.parent.name: path.read_bytes() for path in tmp_path.glob(f"{name}/cache/*/*/*.json")
         if path.name == "poq-model.json"}
        for name in ("online", "offline")
    ]  # fmt: skip
    assert len(manifests[0]) == len(values["models"])
    assert manifests[0] == manifests[1]
    status, printed = run(tmp_path / "nowhere", gone, *until, HF_HUB_OFFLINE="1")
    assert status == 1
    # Every model, and two data sets.
    assert printed.count("found nothing of it in the hub's cache") == len(manifests[0]) + 2
    assert not (tmp_path / "nowhere/results/paper/prompts.parquet").exists()


def test_the_paper_is_scored_from_local_folders(tmp_path: Path, repositories: Path) -> None:
    """Models and data sets are folders, and no hub is there. Only the sources differ."""
    values = small()
    for node in ("tinyllama-1.1b", "qwen2-1.5b", "phi-3-mini"):  # the gated ones remain
        del values["inference_nodes"][node]
    for task in values["tasks"].values():
        task["source"]["dataset"] = str(repositories / "datasets" / task["source"]["dataset"])
    for name, source in values["models"].items():
        path = repositories / "models" / source["repository"]
        values["models"][name] = {"kind": "local", "path": str(path)}
    scored = "results/paper/reliability.parquet"
    _, origins = finish(tmp_path, "http://127.0.0.1:9", values, scored, token="")
    assert len(origins) == 5  # two language models, three evaluators
    assert all(origin.startswith(f"{repositories}/models/") for origin in origins)
