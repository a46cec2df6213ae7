"""The real DAG on a mini configuration: a real language model, real evaluators."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from poq import config, figures, tables
from poq.schema import TABLES
from tests.workflow.conftest import prepare, run

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run on two cores."""
    folder = prepare(tmp_path_factory.mktemp("mini"), "mini.yaml")
    result = run(folder, "--cores", "2")
    assert result.returncode == 0, result.stdout
    return folder


def parquet_files(folder: Path) -> dict[str, Path]:
    """Return the Parquet files of a run by their path in it."""
    root = folder / "results" / "mini"
    return {str(path.relative_to(root)): path for path in sorted(root.rglob("*.parquet"))}


def test_every_table_is_there_and_keeps_its_contract(mini: Path) -> None:
    found = parquet_files(mini)
    names = {tables.provenance(path)["table"] for path in found.values()}
    # written on request; of logs alone
    assert names == set(TABLES) - {"round_log"} - {"logged", "log_rows"}
    for path in found.values():
        assert len(tables.read(tables.provenance(path)["table"], path)) > 0


def test_models_answer_prompts_and_do_not_echo_them(mini: Path) -> None:
    results = mini / "results" / "mini"
    prompts = tables.read("prompts", results / "prompts.parquet")
    outputs = tables.read("outputs", *sorted((results / "outputs").glob("*.parquet")))
    # 15 prompts x 3 nodes
    assert len(prompts) == 15
    assert len(outputs) == 45
    by_node = (
        outputs.join(prompts, on="prompt_id")
        .group_by("model")
        .agg(
            empty=(pl.col("output") == "").mean(),
            echoes=pl.col("output").str.contains("Passage:|Article:").mean(),
            distinct=pl.col("output").n_unique() / pl.len(),
        )
    )
    assert by_node["empty"].max() == 0
    assert by_node["echoes"].max() == 0
    # Three questions share a passage, so leading sentences may repeat; a model's answers do not.
    assert by_node.filter(pl.col("model") != "lead")["distinct"].min() > 0.7  # type: ignore[operator]


def test_nodes_differ(mini: Path) -> None:
    results = mini / "results" / "mini" / "outputs"
    greedy = tables.read("outputs", results / "smollm2.parquet")
    hot = tables.read("outputs", results / "smollm2-hot.parquet")
    assert greedy["output"].to_list() != hot["output"].to_list()
    assert greedy["seed"].is_null().all()
    assert hot["seed"].is_not_null().all()


def test_every_figure_is_there_in_three_forms(mini: Path) -> None:
    folder = mini / "results" / "mini" / "figures"
    for name in figures.names():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<table" in (folder / f"{name}.html").read_text(encoding="utf-8")


def test_summary_names_nodes_and_evaluators(mini: Path) -> None:
    summary = (mini / "results" / "mini" / "summary.txt").read_text()
    for name in ("lead", "smollm2", "static-reference", "lexical-context"):
        assert name in summary
    assert "cost-aware/sts-f1" in summary
    assert (
        "Which rule, which K, by share of malicious nodes (grid small: 8 evaluator nodes" in summary
    )


def test_findings_are_judged_by_architecture_and_name(mini: Path) -> None:
    found = tables.read("findings", mini / "results" / "mini" / "findings.parquet")
    rows = {row["finding"].removeprefix("cost-aware/"): row for row in found.to_dicts()}
    # The run has neither a bi-encoder nor the paper's models, but two groups of evaluators.
    assert rows["sts-f1"]["why"] == "no evaluator of architecture bi_encoder in this run"
    assert rows["reward-llama-3.2-3b"]["verdict"] == "not measured"
    assert rows["reward-efficient-evaluator"]["ours"] is not None


def test_the_study_repeats_the_rewards_at_the_runs_own_weights(mini: Path) -> None:
    folder = mini / "results" / "mini" / "simulation"
    study = tables.read("reward_study", folder / "reward_study.parquet").filter("own")
    rewards = tables.read("rewards", folder / "rewards.parquet")
    keys = ["node", "kind", "task"]
    names = [f"{name}{end}" for name in ("reward", "normalized_reward") for end in ("", "_low")]
    assert study.select(*keys, *names).sort(keys).equals(rewards.select(*keys, *names).sort(keys))


def test_a_grid_is_simulated_on_both_splits(mini: Path) -> None:
    folder = mini / "results" / "mini" / "simulation"
    study = tables.read("robustness", *sorted((folder / "robustness").glob("*.parquet")))
    cells = study.select("grid", "split", "consensus", "attack", "malicious_ratio").unique()
    # small: 2 rules x 2 attacks x 2 ratios; owned: 1 x 1 x 2
    assert cells.group_by("grid", "split").len().sort("grid", "split").rows() == [
        ("owned", "calibration", 2),
        ("owned", "test", 2),
        ("small", "calibration", 8),
        ("small", "test", 8),
    ]
    assert set(study["nodes"]) == {8}
    assert study["effective_evaluators"].is_between(1, 8).all()
    # the judge is asked about the test split alone, so the pools differ
    assert study.group_by("split").agg(pl.col("effective_evaluators").n_unique())[
        "effective_evaluators"
    ].to_list() == [1, 1]
    assert study["effective_evaluators"].n_unique() == 2


def test_dimensions_are_measured_and_audited(mini: Path) -> None:
    folder = mini / "results" / "mini"
    dimensions = tables.read("dimensions", folder / "dimensions.parquet")
    # 15 prompts x 3 nodes, less those of the training split: 2 questions and 1 article
    assert len(dimensions) == 36
    prompts = tables.read("prompts", folder / "prompts.parquet")
    learned = set(prompts.filter(pl.col("split") == "training")["prompt_id"])
    assert len(learned) == 3
    examples = tables.read("training", folder / "training" / "minilm-cross.parquet")
    assert learned <= set(examples["prompt_id"])
    for table in ("dimensions", "reference_quality", "scores/lexical-context"):
        assert not learned & set(pl.read_parquet(folder / f"{table}.parquet")["prompt_id"])
    test = dimensions.filter(pl.col("split") == "test")
    # Similarities and structure are always defined; a node's prior is one value a task.
    for name in ("structure", "node_agreement", "certainty", "semantic_context", "cost_prior"):
        assert dimensions[name].null_count() == 0
    priors = test.group_by("model", "task").agg(pl.col("model_prior").n_unique())
    assert priors["model_prior"].max() == 1
    spread = test.group_by("prompt_id").agg(pl.col("certainty").n_unique())
    assert spread["certainty"].max() == 1
    audit = tables.read("dimension_audit", folder / "dimension_audit.parquet")
    assert set(audit["split"]) == {"calibration", "test"}
    based = audit.filter("reference_based")["dimension"].unique().to_list()
    assert based == ["semantic_reference"]
    # The model's looped or cut answers differ in form.
    assert dimensions["structure"].n_unique() > 5


def test_what_is_recommended_was_simulated(mini: Path) -> None:
    folder = mini / "results" / "mini" / "simulation"
    found = tables.read("recommendations", folder / "recommendations.parquet")
    assert found.select("grid", "malicious_ratio").rows() == [
        ("owned", 0.0),
        ("owned", 0.25),
        ("small", 0.0),
        ("small", 0.25),
    ]
    study = tables.read("robustness", *sorted((folder / "robustness").glob("*.parquet")))
    test = study.filter((pl.col("split") == "test") & (pl.col("metric") == "mae"))
    keys = ["grid", "malicious_ratio", "consensus", "trust", "k"]
    worst = test.group_by(keys).agg(worst=pl.col("value").max())
    joined = found.join(worst, on=keys, validate="1:1")
    assert len(joined) == len(found)
    assert (joined["mae"] - joined["worst"]).abs().max() < 1e-12  # type: ignore[operator]


def test_whole_configuration_is_kept(mini: Path) -> None:
    kept = config.load_file(mini / "results" / "mini" / "config.yaml")
    assert kept == config.load_file(mini / "config.yaml")


def test_second_run_has_nothing_to_do(mini: Path) -> None:
    result = run(mini, "--cores", "2")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_report_is_one_page_with_every_figure(mini: Path) -> None:
    result = run(mini, "--cores", "1", "--report", "report.html")
    assert result.returncode == 0, result.stdout
    page = (mini / "report.html").read_text(encoding="utf-8")
    for name in figures.names():
        assert f"figures/{name}.svg" in page
        assert f"figures/{name}.html" in page
    assert "mini/config.html" in page
    assert "mini/findings.html" in page
    assert "mini/recommendations.html" in page
    assert "mini/summary.html" in page


def test_same_bytes_on_one_core_and_on_two(mini: Path, tmp_path: Path) -> None:
    """Tables agree to the byte; those made of measured times, given the same measurements."""
    other = prepare(tmp_path, "mini.yaml")
    measured = Path("results/mini/profile")
    unmeasured = ["quality", "reliability", "simulation/rounds"]
    targets = [f"results/mini/{name}.parquet" for name in unmeasured]
    assert run(other, "--cores", "1", *targets).returncode == 0
    shutil.copytree(mini / measured, other / measured, copy_function=shutil.copyfile)
    first = parquet_files(mini)
    names = [f"results/mini/{name}" for name in first if not name.startswith(".")]
    rest = run(other, "--cores", "1", "--rerun-triggers", "mtime", "--", *names)
    assert rest.returncode == 0, rest.stdout
    assert "rule profile_" not in rest.stdout
    second = parquet_files(other)
    assert first.keys() == second.keys()
    different = [name for name in first if first[name].read_bytes() != second[name].read_bytes()]
    assert different == []
