"""The real DAG over logged outputs: nothing is generated, everything else is as in any run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from poq import figures, tables
from tests.workflow.conftest import ROOT, prepare, run

pytestmark = pytest.mark.workflow

MODELS = {"copy-1": 8, "Copy/2": 24, "wanderer": 8}
"""Model -> words of the context that it returns; the wanderer those of another context."""


def write_logs(folder: Path) -> None:
    """Write a log of answers as CSV and one of summaries, with a bad row, as JSON lines."""
    with (ROOT / "resources/corpus/qa.jsonl").open(encoding="utf-8") as file:
        questions = [json.loads(line) for line in file][:15]
    with (folder / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question id", "system", "answer"])
        for i, row in enumerate(questions):
            for model, words in MODELS.items():
                source = questions[-i] if model == "wanderer" else row
                writer.writerow([row["id"], model, " ".join(source["context"].split()[:words])])
    rows = [
        {
            "id": i,
            "by": model,
            "summary": "=1+1" if model == "wanderer" else f"Council {i} met" * (words // 8),
            "article": f"Council {i} met on day {i} and spoke of bridge {i % 3}.",
            "credits": words,
            "stars": 1 if model == "wanderer" else 2 + (i + words) % 4,
        }
        for i in range(10)
        for model, words in MODELS.items()
    ]
    rows[0]["stars"] = 9
    (folder / "summaries.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of a finished run over logs."""
    folder = prepare(tmp_path_factory.mktemp("logs"), "logs.yaml")
    write_logs(folder)
    result = run(folder, "--cores", "2")
    assert result.returncode == 0, result.stdout
    assert "rule generate_outputs" not in result.stdout
    assert "rule profile_node" not in result.stdout
    return folder / "results" / "logs"


def test_outputs_are_those_of_the_logs(results: Path) -> None:
    outputs = tables.read("outputs", results / "outputs" / "logged.parquet")
    # 12 questions drawn of 15; article 0 lacks the row of 9 stars, and is dropped
    assert len(outputs) == 12 * 3 + 9 * 3
    assert set(outputs["model"]) == set(MODELS)
    assert outputs.filter(pl.col("output") == "=1+1").height == 9
    assert outputs["finish_reason"].is_null().all()
    assert tables.read("log_rows", results / "log_rows.parquet").rows() == [
        ("qa", "kept", 45),
        ("summarization", "human out of range", 1),
        ("summarization", "kept", 27),
        ("summarization", "prompt without an output of every model", 2),
    ]


def test_a_human_score_takes_the_place_of_token_f1(results: Path) -> None:
    quality = tables.read("reference_quality", results / "reference_quality.parquet")
    of_task = {task: rows for (task,), rows in quality.group_by("task")}
    assert of_task["qa"]["human"].is_null().all()
    assert of_task["summarization"]["token_f1"].is_null().all()
    reliability = tables.read("reliability", results / "reliability.parquet")
    of_human = reliability.filter(pl.col("reference") == "human")
    assert set(of_human["task"]) == {"summarization", "pooled"}
    assert reliability.filter(task="summarization")["reference"].unique().to_list() == ["human"]
    rounds = tables.read("round_log", *log_a_replication(results))
    assert set(rounds["model"]) == set(MODELS)


def log_a_replication(results: Path) -> list[Path]:
    folder = results.parents[1]
    path = results / "simulation/round_log/mean/published/boosting/3/0.25/0.parquet"
    result = run(folder, "--cores", "1", str(path.relative_to(folder)))
    assert result.returncode == 0, result.stdout
    return [path]


def test_costs_are_what_the_logs_tell(results: Path) -> None:
    costs = tables.read("costs", results / "costs.parquet").filter(pl.col("kind") == "inference")
    found = {(row["task"], row["node"]): row["cost"] for row in costs.iter_rows(named=True)}
    assert {cost for (task, _), cost in found.items() if task == "qa"} == {0.0}
    # 8, 24 and 8 credits
    assert [found["summarization", model] for model in MODELS] == [0, 1, 0]
    assert costs["seconds"].is_null().all()
    pareto = tables.read("pareto", results / "pareto.parquet")
    assert pareto["front"].is_null().all()


def test_everything_downstream_is_there(results: Path) -> None:
    for name in figures.names():
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    findings = tables.read("findings", results / "findings.parquet")
    assert findings.filter(pl.col("ours").is_not_null()).height > 0
    summary = (results / "summary.txt").read_text(encoding="utf-8")
    for line in (
        "qa                     45 read, 45 kept",
        "summarization          30 read, 27 kept; dropped: 1 human out of range, 2 prompt",
        "qa                     tells neither cost nor latency: every model costs 0",
        "summarization          tells no latency: cost as logged, no figure by seconds",
        "Mean human of inference nodes, summarization",
    ):
        assert line in summary
    folder = results.parents[1]
    result = run(folder, "--cores", "1", "--report", "report.html")
    assert result.returncode == 0, result.stdout
    assert "logs/summary.html" in (folder / "report.html").read_text(encoding="utf-8")
    assert "Nothing to be done" in run(folder, "--cores", "2").stdout


def test_a_missing_column_is_told_before_the_first_job(tmp_path: Path) -> None:
    folder = prepare(tmp_path, "logs.yaml")
    write_logs(folder)
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["tasks"]["qa"]["source"]["columns"]["model"] = "node"
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(folder, "--cores", "1")
    assert result.returncode == 1
    assert (
        "tasks.qa.source: answers.csv: columns ['node'] are missing; found question id, system"
    ) in result.stdout
    assert "rule build_prompts" not in result.stdout
    assert not list(folder.rglob("*.parquet"))
