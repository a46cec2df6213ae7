"""The profiles: Snakemake silently ignores a rule in them that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.resources import Resource
from snakemake_executor_plugin_slurm.partitions import read_partition_file

from poq.provenance import ROOT

PROFILES = {
    path.parent.name: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / "profiles").glob("*/config.yaml"))
}
CLUSTERS = sorted(PROFILES.keys() - {"default"})
RULES = {
    name
    for path in (ROOT / "workflow" / "rules").glob("*.smk")
    for name in re.findall(r"^rule (\w+):", path.read_text(), flags=re.MULTILINE)
}


def amount(profile: dict[str, Any], rule: str, resource: str, attempt: int) -> int:
    """Return what Snakemake makes of a resource of a rule."""
    named = profile["set-resources"].get(rule, {})
    expression = str(named.get(resource, profile["default-resources"][resource]))
    asked = Resource.from_cli_expression(resource, expression, with_threads_arg=False)
    arguments: dict[str, Any] = {"wildcards": None, "input": [], "rulename": rule}
    found = asked.evaluate(attempt=attempt, async_run=None, **arguments).value
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_and_group_of_a_profile_exists(name: str) -> None:
    profile = PROFILES[name]
    assert len(RULES) > 25
    for key in ("set-resources", "set-threads", "groups"):
        assert profile.get(key, {}).keys() <= RULES
    assert profile.get("group-components", {}).keys() == set(profile.get("groups", {}).values())


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("resource", ["mem_mb", "runtime"])
def test_every_rule_asks_for_memory_and_time_and_for_more_at_each_attempt(
    name: str, resource: str
) -> None:
    for rule in RULES:
        first, second, third = (amount(PROFILES[name], rule, resource, n) for n in (1, 2, 3))
        assert 0 < first < second < third, rule


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_matters_of_the_default_holds_on_clusters(name: str) -> None:
    kept = ("rerun-incomplete", "rerun-triggers", "show-failed-logs", "printshellcmds")
    assert {key: PROFILES[name][key] for key in kept} == {
        key: PROFILES["default"][key] for key in kept
    }
    assert PROFILES[name]["retries"] == 2


def test_jobs_of_a_group_run_one_after_the_other() -> None:
    profile = PROFILES["slurm"]
    assert profile["resources"]["turn"] == 1
    assert profile["set-resource-scopes"] == {"turn": "local"}
    for rule in RULES:
        turn = profile["set-resources"].get(rule, {}).get("turn")
        assert turn == (1 if rule in profile["groups"] else None), rule


def test_no_secret_stands_in_a_profile() -> None:
    for path in (ROOT / "profiles").rglob("*.yaml"):
        assert not re.search(r"sk-|hf_\w{8}|(KEY|TOKEN) *[:=] *\S", path.read_text())


def test_partitions_are_what_the_plugin_reads() -> None:
    file: Path = ROOT / "profiles" / "slurm" / PROFILES["slurm"]["slurm-partition-config"]
    found = {partition.name: partition.limits.max_gpu for partition in read_partition_file(file)}
    assert found == {"cpu": 0, "gpu": 1}
