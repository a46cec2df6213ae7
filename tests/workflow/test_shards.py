"""The real DAG in one shard and in five: the same tables, to the byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from poq import tables
from tests.workflow.conftest import HERE, prepare, run

pytestmark = pytest.mark.workflow
UNMEASURED = ("reference_quality", "reliability")
SIMULATED = ("simulation/robustness/small", "simulation/break_even/small")


def sharded(folder: Path, count: int, profile: Path | None) -> dict[str, Path]:
    """Run all that is split in a folder; return the tables by their path in the run.

    Args:
        folder: where to run.
        count: shards of each stage.
        profile: measured costs to take over; measured if left out.
    """
    prepare(folder, "modelless.yaml")
    values = yaml.safe_load((folder / "config.yaml").read_text())
    name = "wordllama-l2-256"
    values["models"][name] = yaml.safe_load((HERE / "mini.yaml").read_text())["models"][name]
    # Questions have up to three references, and two nodes answer each of twelve: 5 chunks.
    del values["evaluators"]["lexical-reference"]
    values["evaluators"]["static-reference"] = {
        "kind": "static_embedding",
        "model": name,
        "compares_with": "reference",
        "batch_size": 4,
        "scale": {"method": "fitted"},
    }
    values["scoring"]["chunk"] = 5
    values["shards"] = dict.fromkeys(("generation", "scoring", "simulation"), count)
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    root = folder / "results" / "modelless"
    first, second = (
        [f"results/modelless/{n}.parquet" for n in of] for of in (UNMEASURED, SIMULATED)
    )
    result = run(folder, "--cores", "2", *first)
    assert result.returncode == 0, result.stdout
    if profile is not None:
        shutil.copytree(profile, root / "profile", copy_function=shutil.copyfile)
    result = run(folder, "--cores", "2", "--rerun-triggers", "mtime", "--", *second)
    assert result.returncode == 0, result.stdout
    assert ("rule profile_node:" in result.stdout) == (profile is None)
    found = {str(path.relative_to(root)): path for path in sorted(root.rglob("*.parquet"))}
    raw = [path for name, path in found.items() if name.startswith(".shards")]
    # What is split is deleted once it is merged, but raw values, which another scale needs.
    assert {tables.provenance(path)["table"] for path in raw} == {"raw_scores"}
    assert len(raw) == 2 * count
    return {name: path for name, path in found.items() if path not in raw}


def test_tables_do_not_depend_on_the_number_of_shards(tmp_path: Path) -> None:
    whole = sharded(tmp_path / "1", 1, None)
    scores = tables.read("scores", whole["scores/static-reference.parquet"])
    assert len(scores) == 24
    assert scores["score"].n_unique() > 5
    found = sharded(tmp_path / "5", 5, tmp_path / "1/results/modelless/profile")
    assert found.keys() == whole.keys()
    different = [name for name in whole if whole[name].read_bytes() != found[name].read_bytes()]
    assert different == []
