"""What a change of code or configuration reruns, and what it does not."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from poq import tables
from tests.workflow.conftest import run

pytestmark = pytest.mark.workflow


def planned(project: Path) -> set[str]:
    """Return the rules that a dry run would run."""
    result = run(project, "--cores", "1", "--dry-run", root=project)
    assert result.returncode == 0, result.stdout
    return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout, flags=re.MULTILINE))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_changed_code_reruns_what_depends_on_it(project: Path) -> None:
    assert planned(project) == set()

    edit(project / "poq/scoring.py", "np.isneginf(raw), np.nan", "np.isinf(raw), np.nan")
    found = planned(project)
    assert {"score_outputs", "scale_scores", "estimate_reliability", "pay_nodes"} <= found
    assert not found & {"build_prompts", "generate_outputs", "profile_node", "measure_quality"}


def test_another_scale_runs_no_model(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["evaluators"]["lexical-context"]["scale"] = {"method": "fitted"}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    edit(project / "poq/scaling.py", "MIDPOINT = 5.0", "MIDPOINT = 4.0")
    found = planned(project)
    assert {"scale_scores", "estimate_reliability", "simulate_rounds", "pay_nodes"} <= found
    assert not found & {"generate_outputs", "score_outputs", "profile_evaluator"}
    target = "results/modelless/scales/lexical-context.parquet"
    assert run(project, "--cores", "1", target, root=project).returncode == 0
    assert tables.read("scales", project / target)["method"].to_list() == ["fitted"]


def test_more_shards_run_nothing_again_if_told_so(project: Path) -> None:
    more = ["--set-scatter", "generation=2", "scoring=2", "simulation=2"]
    triggers = ["--rerun-triggers", "mtime", "params", "software-env"]
    result = run(project, "--cores", "1", "--dry-run", *more, *triggers, root=project)
    assert "Nothing to be done" in result.stdout


def test_changed_comment_reruns_nothing(project: Path) -> None:
    edit(project / "poq/scaling.py", "MIDPOINT = 5.0", "MIDPOINT = 5.0  # the middle of the scale")
    assert planned(project) == set()


def test_touched_script_reruns_nothing(project: Path) -> None:
    for path in (project / "workflow" / "scripts").glob("*.py"):
        path.touch()
    assert planned(project) == set()


def test_new_table_reruns_nothing(project: Path) -> None:
    schema = project / "poq/schema.py"
    edit(schema, "_TABLES = [\n", '_TABLES = [\n    Table("new", "new.parquet", "new", ["n"]),\n')
    assert planned(project) == set()


def test_changed_contract_reruns_what_reads_and_writes_the_table(project: Path) -> None:
    schema = project / "poq/schema.py"
    edit(schema, '"distance of the score from the consensus', '"how far the score is from it')
    assert planned(project) == set()
    edit(schema, '_unit("deviation", ', '_count("deviation", ')
    found = planned(project)
    assert {"simulate_rounds", "pay_nodes"} <= found
    assert not found & {"score_outputs", "generate_outputs", "normalize_costs"}


def test_changed_evaluator_kind_reruns_only_its_evaluators(project: Path) -> None:
    edit(project / "poq/evaluators/cross_encoder.py", "label is not None", "label is None")
    assert planned(project) == set()
    edit(project / "poq/evaluators/lexical.py", "else 0.0", "else 0.5")
    found = planned(project)
    assert {"score_outputs", "profile_evaluator"} <= found
    assert not found & {"build_prompts", "generate_outputs", "profile_node", "measure_quality"}


def test_changed_backend_reruns_its_nodes(project: Path) -> None:
    edit(project / "poq/generation/transformers.py", "max_new_tokens", "min_new_tokens")
    assert planned(project) == set()
    edit(
        project / "poq/generation/lead.py",
        "leading_sentences(context",
        "leading_sentences (context",
    )
    assert planned(project) == set()
    edit(project / "poq/generation/lead.py", "ge=1, description", "ge=0, description")
    found = planned(project)
    assert {"generate_outputs", "profile_node", "score_outputs"} <= found
    assert "build_prompts" not in found


def test_changed_source_and_consensus_rerun_their_stages(project: Path) -> None:
    edit(project / "poq/consensus/mean.py", "given.mean(axis=-1)", "given.mean(-1)")
    assert "simulate_rounds" in planned(project)
    assert "score_outputs" not in planned(project)
    edit(project / "poq/corpus/packaged.py", "news.jsonl", "other.jsonl")
    assert "build_prompts" in planned(project)


def test_changed_reward_reruns_payment_alone(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["reward"]["beta"] = 0.5
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    found = planned(project)
    assert {"pay_nodes", "study_rewards", "compare_findings", "summarize_run"} <= found
    assert not found & {"simulate_rounds", "normalize_costs", "score_outputs"}


def test_changed_study_reruns_the_study_and_its_figures(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["reward_study"] = {"alphas": [1.0], "betas": [0.2]}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    found = planned(project)
    assert {"study_rewards", "plot_figure"} <= found
    assert not found & {"pay_nodes", "simulate_rounds", "compare_findings"}


def test_changed_finding_reruns_the_comparison(project: Path) -> None:
    edit(project / "poq/findings/cost_aware.py", "NEAR_ZERO = 0.1", "NEAR_ZERO = 0.2")
    found = planned(project)
    assert {"compare_findings", "summarize_run"} <= found
    assert not found & {"estimate_reliability", "pay_nodes", "plot_figure"}


def test_new_evaluator_scores_alone(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["evaluators"]["lexical-question"] = values["evaluators"]["lexical-context"] | {
        "compares_with": "question"
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(project, "--cores", "1", "--dry-run", root=project)
    assert result.stdout.count("rule score_outputs:") == 1
    assert not planned(project) & {"generate_outputs", "build_prompts"}


def test_new_trained_evaluator_trains_and_scores_alone(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["models"] = {"encoder": {"kind": "hub", "repository": "a/b", "revision": "0" * 40}}
    values["trained_models"] = {"mine": {"base": "encoder", "spare": 2}}
    values["evaluators"]["trained"] = values["evaluators"]["lexical-context"] | {
        "kind": "cross_encoder",
        "model": "mine",
        "max_length": 256,
        "compares_with": "question+context",
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(project, "--cores", "1", "--dry-run", root=project)
    assert result.stdout.count("rule score_outputs:") == 1
    found = planned(project)
    assert {"fetch_model", "build_examples", "train_evaluator", "profile_evaluator"} <= found
    assert not found & {"generate_outputs", "build_prompts", "profile_node", "measure_quality"}


def test_new_dimensions_are_measured_and_audited_alone(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dimensions"] = {
        "model_prior": {"kind": "model_prior"},
        "structure": {"kind": "structure"},
        "semantic": {"kind": "semantic", "evaluators": ["lexical-context"]},
        "node_agreement": {"kind": "node_agreement", "similarity": "lexical-context"},
    }
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    found = planned(project)
    assert {"compare_outputs", "measure_dimensions", "audit_dimensions", "plot_figure"} <= found
    assert not found & {"generate_outputs", "score_outputs", "estimate_reliability", "pay_nodes"}
    audit = "results/modelless/dimension_audit.parquet"
    result = run(project, "--cores", "1", audit, root=project)
    assert result.returncode == 0, result.stdout
    kept = tables.read("dimension_audit", project / audit)
    assert set(values["dimensions"]) <= set(kept["dimension"])
    # Its code is that of one dimension, so another's change leaves it.
    edit(project / "poq/dimensions/certainty.py", "0.8, gt=0", "0.7, gt=0")
    edit(project / "poq/dimensions/cost_prior.py", '1 - pl.col("cost")', 'pl.col("cost")')
    assert "measure_dimensions" not in planned(project)
    edit(project / "poq/dimensions/structure.py", "GRAM = 3", "GRAM = 4")
    assert "measure_dimensions" in planned(project)
    assert "compare_outputs" not in planned(project)


def test_a_changed_weight_measures_no_dimension(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["dimensions"] = {"structure": {"kind": "structure", "weight": 0.5}}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    target = "results/modelless/dimensions.parquet"
    assert run(project, "--cores", "1", target, root=project).returncode == 0
    values["dimensions"]["structure"]["weight"] = 0.1
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    assert "measure_dimensions" not in planned(project)
    values["dimensions"] = {"form": {"kind": "structure"}}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    assert "measure_dimensions" in planned(project)


def test_changed_attack_reruns_the_grids_that_name_it(project: Path) -> None:
    edit(project / "poq/attacks/sybil.py", "min(score + shift, 10.0)", "min(score + shift, 9.0)")
    assert planned(project) == set()
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["robustness"]["attacks"] = {"lazy": {"kind": "noise"}}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    found = planned(project)
    assert {"study_robustness", "recommend_rules", "summarize_run"} <= found
    assert not found & {"trace_trust", "simulate_rounds", "pay_nodes"}


def test_new_grid_is_simulated_alone(project: Path) -> None:
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["robustness"]["grids"]["larger"] = values["robustness"]["grids"]["small"] | {
        "evaluators_per_round": [5]
    }
    values["robustness"]["threads"] = 2  # not part of the result
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(project, "--cores", "1", "--dry-run", root=project)
    assert result.stdout.count("rule study_robustness:") == 1
    assert {"recommend_rules"} <= planned(project)
    assert not planned(project) & {"trace_trust", "simulate_rounds"}


def test_a_replication_is_logged_on_request(project: Path) -> None:
    name = "results/modelless/simulation/round_log/median/published/boosting/3/0.25/1.parquet"
    result = run(project, "--cores", "1", name, root=project)
    assert result.returncode == 0, result.stdout
    log = tables.read("round_log", project / name)
    # 60 rounds of 3 nodes each
    assert len(log) == 180
    assert log["node"].n_unique() == 8
    bent = log.filter(pl.col("score") != pl.col("honest_score"))
    assert bent["malicious"].all()
    assert len(bent) > 0
    prompts = tables.read("prompts", project / "results/modelless/prompts.parquet")
    split = log.join(prompts, on="prompt_id")["split"]
    assert split.unique().to_list() == ["test"]
