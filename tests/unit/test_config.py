from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from poq import config, kinds
from poq.errors import PoqError

ABSENT = object()
NAMED = ("models", "trained_models", "inference_nodes", "evaluators")
NAME = "lower-case letters, digits, '.', '_' and '-', the first a letter or digit"
LEXICAL = {"kind": "lexical", "compares_with": "context", "scale": {"method": "fitted"}}
TASK = {
    "source": {"kind": "packaged"},
    "template": "t.txt",
    "worked_example": "e.json",
    "max_output_tokens": 8,
}
Change = Callable[[str, Any], dict[str, Any]]


@pytest.fixture
def change(demo_config: dict[str, Any]) -> Change:
    """Set (or with ABSENT remove) the value at a path like ``tasks/qa/sample``."""

    def apply(path: str, value: Any) -> dict[str, Any]:
        *parents, last = path.split("/")
        section = reduce(lambda values, key: values[key], parents, demo_config)
        if value is ABSENT:
            del section[last]
        else:
            section[last] = value
        return demo_config

    return apply


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # unknown keys, at every depth
        ("colour", "red", "colour: unknown key; found 'red', expected no such key"),
        (
            "bootstrap/resample",
            100,
            "bootstrap.resample: unknown key; found 100, expected no such key",
        ),
        (
            "tasks/qa/source/file",
            "a.jsonl",
            "tasks.qa.source.file: unknown key; found 'a.jsonl', expected no such key",
        ),
        (
            "evaluators/minilm-reference/scale/mid",
            0.5,
            "evaluators.minilm-reference.scale.mid: unknown key; found 0.5, expected no such key",
        ),
        (
            "models/smollm2-135m-instruct/files/model.gguf/md5",
            "abc",
            "models.smollm2-135m-instruct.files.model.gguf.md5: unknown key; found 'abc', "
            "expected no such key",
        ),
        # missing keys
        ("seed", ABSENT, "seed: is missing; expected a value"),
        ("splits", ABSENT, "splits: is missing; expected a value"),
        (
            "evaluators/minilm-reference/scale/low",
            ABSENT,
            "evaluators.minilm-reference.scale.low: is missing; expected a value",
        ),
        (
            "evaluators/lexical-context/kind",
            ABSENT,
            "evaluators.lexical-context.kind: is missing; expected a value",
        ),
        (
            "tasks/qa/source",
            {"kind": "hub", "dataset": "rajpurkar/squad", "split": "validation"},
            "tasks.qa.source.revision: is missing; expected a value",
        ),
        # wrong types
        ("reward/alpha", "high", "reward.alpha: found 'high'; expected a valid number"),
        ("seed", "42", "seed: found '42'; expected a valid integer"),
        ("seed", True, "seed: found True; expected a valid integer"),
        ("seed", 1.5, "seed: found 1.5; expected a valid integer"),
        ("reward/alpha", False, "reward.alpha: found False; expected a valid number"),
        ("run", 20251218, "run: found 20251218; expected a valid string"),
        (
            "tasks/qa/stop",
            ["\n", 3],
            "tasks.qa.stop.1: found 3; expected a valid string",
        ),
        # numbers out of range
        ("seed", -1, "seed: found -1; expected greater than or equal to 0"),
        ("reward/beta", -0.3, "reward.beta: found -0.3; expected greater than or equal to 0"),
        ("reward/beta", math.nan, "reward.beta: found nan; expected a finite number"),
        ("reward/beta", math.inf, "reward.beta: found inf; expected a finite number"),
        ("splits/calibration", 40, "splits.calibration: found 40; expected less than 1"),
        ("splits/training", 0.66, "splits: found shares of 1 in all; expected less than 1"),
        ("bootstrap/confidence", 95, "bootstrap.confidence: found 95; expected less than 1"),
        ("tasks/qa/sample", 1, "tasks.qa.sample: found 1; expected greater than or equal to 2"),
        (
            "evaluators/minilm-context/scale/low_quantile",
            0.7,
            "evaluators.minilm-context.scale.low_quantile: found 0.7; expected less than 0.5",
        ),
        # names of something that is not there
        (
            "inference_nodes/smollm2/model",
            "smollm",
            "inference_nodes.smollm2.model: found 'smollm'; expected one of {models}",
        ),
        (
            "evaluators/minilm-reference/model",
            "minilm",
            "evaluators.minilm-reference.model: found 'minilm'; expected one of {models}, "
            "{trained_models}",
        ),
        (
            "evaluators/task",
            LEXICAL,
            "evaluators.task: found a name of another column; expected another",
        ),
        # trained models
        (
            "trained_models/minilm-cross/base",
            "minilm",
            "trained_models.minilm-cross.base: found 'minilm'; expected one of {models}",
        ),
        (
            "trained_models/gemma-3-270m",
            {"base": "all-minilm-l6-v2"},
            "trained_models.gemma-3-270m: found a name of `models`; expected another",
        ),
        (
            "inference_nodes/smollm2/model",
            "minilm-cross",
            "inference_nodes.smollm2.model: found 'minilm-cross'; expected one of {models}",
        ),
        (
            "trained_models/minilm-cross/base",
            "minilm-cross",
            "trained_models.minilm-cross.base: found 'minilm-cross'; expected one of {models}",
        ),
        (
            "trained_models/minilm-cross/target",
            "reference",
            "trained_models.minilm-cross.target: found 'reference'; expected 'question', "
            "'context', 'question+context' or 'question+evidence'",
        ),
        (
            "evaluators/trained-evidence/compares_with",
            "question+context",
            "evaluators.trained-evidence.compares_with: found 'question+context'; expected "
            "'question+evidence', as its model was trained",
        ),
        (
            "evaluators/trained-evidence/max_length",
            512,
            "evaluators.trained-evidence.max_length: found 512; expected 96, as its model was "
            "trained",
        ),
        (
            "evaluators/minilm-context/model",
            "minilm-cross",
            "evaluators.minilm-context.kind: found 'bi_encoder'; expected 'cross_encoder'",
        ),
        (
            "trained_models/minilm-cross/corruptions",
            ["garbled"],
            "trained_models.minilm-cross.corruptions.0: found 'garbled'; expected 'untouched', "
            "'truncated', 'entity_swapped', 'shuffled', 'widened', 'misplaced', 'echoed', "
            "'off_topic', 'looped' or 'node_output'",
        ),
        (
            "simulation/evaluators",
            ["minilm-context", "minilm", "static-context"],
            "simulation.evaluators: found 'minilm'; expected one of {evaluators}",
        ),
        (
            "evaluators/lexical-context/compares_with",
            "answer",
            "evaluators.lexical-context.compares_with: found 'answer'; expected 'reference', "
            "'question', 'context', 'question+context' or 'question+evidence'",
        ),
        (
            "tasks/qa/reference",
            "bleu",
            "tasks.qa.reference: found 'bleu'; expected one of token_f1, exact_match, rouge1, "
            "rouge2, rougeL",
        ),
        (
            "tasks/translation",
            TASK,
            "tasks.translation: found 'translation'; expected 'qa' or 'summarization'",
        ),
        (
            "evaluators/minilm-reference/scale/method",
            "guess",
            "evaluators.minilm-reference.scale.method: found 'guess'; expected one of fixed, "
            "fitted",
        ),
        # contradictions
        (
            "simulation/evaluators",
            ["minilm-context", "minilm-context", "lexical-context"],
            "simulation.evaluators: found ['minilm-context', 'minilm-context', "
            "'lexical-context']; expected no name twice",
        ),
        (
            "simulation/evaluators_per_round",
            99,
            "simulation.evaluators_per_round: found 99; expected at most the number of "
            "evaluators in the pool, {pool}",
        ),
        (
            "tasks/qa/source",
            {"kind": "local", "path": "a.txt"},
            "tasks.qa.source.path: found 'a.txt'; expected a file ending in .parquet, .jsonl, "
            ".json, .csv, .tsv",
        ),
        (
            "tasks/qa/source",
            {"kind": "local", "path": "a.csv", "columns": {"context": "c", "reference": "r"}},
            "tasks.qa.source.columns.question: found nothing; expected a column, for task qa",
        ),
        (
            "tasks/summarization/source",
            {"kind": "local", "path": "a.csv", "unanswerable": "drop"},
            "tasks.summarization.source.unanswerable: found 'drop'; expected no such key for task "
            "summarization",
        ),
        (
            "tasks/qa/source",
            {"kind": "packaged", "on_bad_row": "drop"},
            "tasks.qa.source.on_bad_row: unknown key; found 'drop', expected no such key",
        ),
        (
            "models/all-minilm-l6-v2",
            {"kind": "local", "path": "a", "files": [""]},
            "models.all-minilm-l6-v2.files.0: found ''; expected String should have at least 1 "
            "character",
        ),
        # messages that a newcomer cannot read yet
        (
            "evaluators/minilm-reference/scale/low",
            2,
            "evaluators.minilm-reference.scale: found {{'method': 'fixed', 'low': 2, 'high': 1}}; "
            "expected low below high",
        ),
        (
            "inference_nodes/smollm2",
            {"kind": "transformers", "model": "gemma-3-270m", "top_p": 0.9},
            "inference_nodes.smollm2: found {{'kind': 'transformers', 'model': "
            "'gemma-3-270m', 'top_p': 0.9}}; expected no top_p at temperature 0, where it has no "
            "effect",
        ),
        (
            "run",
            "My Run",
            f"run: found 'My Run'; expected {NAME}",
        ),
        (
            "evaluators/Mini LM",
            LEXICAL,
            f"evaluators.Mini LM: found 'Mini LM'; expected {NAME}",
        ),
        (
            "evaluators",
            {},
            "evaluators: found {{}}; expected at least 1 entry",
        ),
        (
            "tasks/qa/stop",
            "\n",
            "tasks.qa.stop: found '\\n'; expected a list",
        ),
        (
            "tasks/qa/source",
            "packaged",
            "tasks.qa.source: found 'packaged'; expected a mapping of keys to values",
        ),
        (
            "simulation/evaluators",
            [],
            "simulation.evaluators: found []; expected at least 1 entry",
        ),
        # dimensions
        (
            "dimensions/alignment/evaluators",
            ["trained-evidence", "nobody"],
            "dimensions.alignment.evaluators: found 'nobody'; expected one of {evaluators}",
        ),
        (
            "dimensions/alignment/evaluators",
            ["static-context"],
            "dimensions.alignment.evaluators: found 'static-context', which compares with context; "
            "expected one that compares with question or question+context or question+evidence",
        ),
        (
            "dimensions/semantic_context/evaluators",
            ["minilm-reference", "static-context"],
            "dimensions.semantic_context.evaluators: found ['minilm-reference', "
            "'static-context'], of which some compare with the reference; expected all or none",
        ),
        (
            "dimensions/semantic_context/evaluators",
            ["static-context", "static-context"],
            "dimensions.semantic_context.evaluators: found ['static-context', "
            "'static-context']; expected no name twice",
        ),
        (
            "dimensions/certainty/similarity",
            "nobody",
            "dimensions.certainty.similarity: found 'nobody'; expected one of minilm-reference, "
            "static-reference, lexical-context",
        ),
        (
            "dimensions/certainty/similarity",
            "static-context",  # its scale is fitted
            "dimensions.certainty.similarity: found 'static-context'; expected a bi_encoder, "
            "static_embedding or lexical evaluator with a fixed scale, which maps raw similarity "
            "to [0, 1]",
        ),
        (
            "dimensions/certainty/similarity",
            "trained-evidence",
            "dimensions.certainty.similarity: found 'trained-evidence'; expected a bi_encoder, "
            "static_embedding or lexical evaluator with a fixed scale, which maps raw similarity "
            "to [0, 1]",
        ),
        (
            "dimensions/certainty/threshold",
            0,
            "dimensions.certainty.threshold: found 0; expected greater than 0",
        ),
        (
            "dimensions/structure/weight",
            -1,
            "dimensions.structure.weight: found -1; expected greater than or equal to 0",
        ),
        (
            "dimensions/split",
            {"kind": "structure"},
            "dimensions.split: found a name of table `dimensions`; expected another",
        ),
        (
            "dimensions/a-b",
            {"kind": "structure"},
            "dimensions.a-b: found 'a-b'; expected lower-case letters, digits and '_', the first a "
            "letter",
        ),
        # the robustness study
        (
            "robustness/grids/paper/consensus",
            ["mean", "mode"],
            "robustness.grids.paper.consensus: found 'mode'; expected one of {rules}",
        ),
        (
            "robustness/grids/paper/attacks",
            ["noise", "noise"],
            "robustness.grids.paper.attacks: found ['noise', 'noise']; expected no value twice",
        ),
        (
            "robustness/grids/paper/evaluators_per_round",
            [3, 21],
            "robustness.grids.paper.evaluators_per_round: found 21; expected at most "
            "evaluator_nodes, 20",
        ),
        (
            "robustness/grids/paper/malicious_ratios",
            [0.1, 1.1],
            "robustness.grids.paper.malicious_ratios.1: found 1.1; expected less than or equal "
            "to 1",
        ),
        (
            "robustness/grids/paper/malicious_ratios",
            [0.0],
            "robustness.grids.paper.malicious_ratios: found [0.0]; expected one above 0",
        ),
        (
            "robustness/consensus",
            {"a(b": {"kind": "mean"}},
            "robustness.consensus.a(b: found 'a(b'; expected " + NAME,
        ),
        (
            "robustness/grids/beyond/beneficiary",
            "nobody",
            "robustness.grids.beyond.beneficiary: found 'nobody'; expected one of "
            "{inference_nodes}",
        ),
        (
            "robustness/grids/a b",
            {},
            "robustness.grids.a b: found 'a b'; expected " + NAME,
        ),
        (
            "robustness/trust_study/trust",
            ["blind"],
            "robustness.trust_study.trust: found 'blind'; expected one of {updates}",
        ),
        (
            "robustness/attacks",
            {"loud": {"sigma": 1}},
            "robustness.attacks.loud.kind: is missing; expected a value",
        ),
        (
            "robustness/attacks",
            {"loud": {"kind": "noise", "sigma": -1}},
            "robustness.attacks.loud.sigma: found -1; expected greater than or equal to 0",
        ),
        (
            "robustness/drop_in",
            {"variant": "relaible"},
            "robustness.drop_in.variant: found 'relaible'; expected one of {composites}",
        ),
        (
            "robustness/drop_in",  # of signals "live", no dimension sees the reference
            {"variant": "without-semantic_reference", "scope": "pooled"},
            "robustness.drop_in.variant: found 'without-semantic_reference'; expected one of "
            "{composites}",
        ),
        (
            "robustness/drop_in",
            {"variant": "default"},
            "robustness.drop_in.scope: found 'task'; expected 'pooled', since nothing is fitted "
            "for variant 'default'",
        ),
        (
            "simulation",
            {
                "rounds": 10,
                "evaluators_per_round": 2,
                "evaluators": ["minilm-reference", "static-reference"],
                "consensus": {"kind": "mean"},
            },
            "robustness.drop_in.signals: found 'live', while all evaluators of the pool compare "
            "with the reference; expected 'all', or one in simulation.evaluators that does not",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(change: Change, path: str, value: Any, message: str) -> None:
    values = change(path, value)
    names = {key: ", ".join(values[key]) for key in NAMED}
    names["rules"] = ", ".join(kinds.names("poq.consensus"))
    live = [name for name in values["dimensions"] if name != "semantic_reference"]
    composites = ["nnls", "rank", "reliable", "default", *(f"without-{name}" for name in live)]
    names["composites"] = ", ".join(composites)
    names["updates"] = ", ".join(kinds.names("poq.trust"))
    pool = len(values["evaluators"])
    with pytest.raises(PoqError) as error:
        config.load(values, "my.yaml")
    assert str(error.value) == "my.yaml: " + message.format(**names, pool=pool)


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("tasks/qa/source", "poq.corpus"),
        ("models/gemma-3-270m", "poq.models"),
        ("inference_nodes/lead", "poq.generation"),
        ("evaluators/lexical-context", "poq.evaluators"),
        ("simulation/consensus", "poq.consensus"),
        ("dimensions/structure", "poq.dimensions"),
    ],
)
def test_an_unknown_kind_is_told_with_the_known_ones(
    change: Change, path: str, package: str
) -> None:
    known = kinds.names(package)
    expected = f"one of {', '.join(known)}" if len(known) > 1 else f"{known[0]!r}"
    with pytest.raises(PoqError) as error:
        config.load(change(f"{path}/kind", "magic"), "my.yaml")
    key = path.replace("/", ".")
    assert str(error.value) == f"my.yaml: {key}.kind: found 'magic'; expected {expected}"


def test_every_mistake_has_its_line(change: Change) -> None:
    change("colour", "red")
    with pytest.raises(PoqError) as error:
        config.load(change("reward/alpha", "high"), "my.yaml")
    assert sorted(str(error.value).split("\n")) == [
        "my.yaml: colour: unknown key; found 'red', expected no such key",
        "my.yaml: reward.alpha: found 'high'; expected a valid number",
    ]


def test_unknown_names_are_all_told_at_once(change: Change) -> None:
    change("inference_nodes/smollm2-int8/model", "x")
    with pytest.raises(PoqError) as error:
        config.load(change("simulation/evaluators", ["y", "y", "y"]), "my.yaml")
    keys = [line.split(": ")[1] for line in str(error.value).split("\n")]
    assert keys == ["inference_nodes.smollm2-int8.model", *["simulation.evaluators"] * 4]


def test_the_judge_must_be_a_judge(change: Change) -> None:
    with pytest.raises(PoqError) as error:
        config.load(change("scoring/judge", "lexical-context"), "my.yaml")
    judges = ", ".join(
        name
        for name, entry in config.load(change("scoring/judge", None), "").evaluators.items()
        if entry.architecture == "judge"
    )
    assert str(error.value) == (
        "my.yaml: scoring.judge: found 'lexical-context'; expected one of "
        + (judges or "(none configured)")
    )


def test_what_this_run_trains_is_an_architecture_of_its_own(change: Change) -> None:
    found = config.load(change("seed", 1), "my.yaml").architectures()
    assert found["trained-evidence"] == "trained_cross_encoder"
    assert found["minilm-context"] == "bi_encoder"


def test_what_loads_a_model_into_torch_uses_a_gpu(demo_config: dict[str, Any]) -> None:
    loaded = config.load(demo_config, "config.yaml")
    nodes = {name: config.uses_gpu(node) for name, node in loaded.inference_nodes.items()}
    # int8 is PyTorch's on the CPU; lead runs no model.
    assert not nodes.pop("smollm2-int8")
    assert not nodes.pop("lead")
    assert all(nodes.values())
    evaluators = {name: config.uses_gpu(entry) for name, entry in loaded.evaluators.items()}
    # The judge is served by llama.cpp, on the CPU.
    assert not evaluators.pop("smollm2-judge")
    assert not evaluators.pop("lexical-context")
    assert all(evaluators.values())


def test_dimensions_are_reference_based_by_their_evaluators(change: Change) -> None:
    mixed = {"kind": "evaluator_agreement", "evaluators": ["static-context", "static-reference"]}
    found = config.load(change("dimensions/mixed", mixed), "my.yaml").reference_based()
    # A similarity reads outputs alone, whatever its evaluator compares with otherwise.
    assert [name for name, based in found.items() if based] == ["semantic_reference", "mixed"]
    assert found["node_agreement"] is False
    assert found["model_prior"] is False


def test_a_run_without_dimensions_names_no_evaluator(change: Change) -> None:
    found = config.load(change("dimensions", ABSENT), "my.yaml")
    assert (found.dimensions, found.reference_based()) == ({}, {})
    assert (found.scored_by(), found.compared_by()) == ([], [])


def test_evaluators_of_dimensions_are_named_once(change: Change) -> None:
    found = config.load(change("seed", 1), "my.yaml")
    assert found.compared_by() == ["static-reference"]
    assert found.scored_by() == sorted(set(found.evaluators) - {"smollm2-judge"})


@pytest.mark.parametrize(
    "drop_in",
    [
        {"variant": "default", "scope": "pooled"},
        {"variant": "without-structure", "scope": "pooled"},
        {"variant": "without-semantic_reference", "scope": "pooled", "signals": "all"},
        {"variant": "nnls", "scope": "task"},
    ],
)
def test_the_drop_in_study_may_play_every_composite(
    change: Change, drop_in: dict[str, str]
) -> None:
    found = config.load(change("robustness/drop_in", drop_in), "c.yaml").robustness.drop_in
    assert found.model_dump(include={*drop_in}) == drop_in


def test_a_pool_that_sees_the_reference_needs_signals_of_all_kinds(change: Change) -> None:
    values = change("simulation/evaluators", ["minilm-reference", "static-reference"])
    values["simulation"]["evaluators_per_round"] = 2
    values["robustness"]["drop_in"] = {"signals": "all"}
    assert len(config.load(values, "c.yaml").pool()) == 2
    # Without dimensions there is no such study.
    del values["robustness"]["drop_in"], values["dimensions"]
    assert len(config.load(values, "c.yaml").pool()) == 2


def test_revisions_that_may_move_are_told(change: Change, tmp_path: Path) -> None:
    hub = {"kind": "hub", "repository": "a/b", "revision": "main"}
    values = change("models/unpinned", hub)
    values["models"]["pinned"] = hub | {"revision": "0" * 40}
    data = {"kind": "hub", "dataset": "a/b", "revision": "v1", "split": "test"}
    values["tasks"]["qa"]["source"] = data
    values["tasks"]["summarization"]["source"] = data | {"dataset": str(tmp_path)}
    assert config.load(values, "my.yaml").unpinned() == [
        "models.unpinned.revision: 'main' may move; pin it to a full commit hash",
        "tasks.qa.source.revision: 'v1' may move; pin it to a full commit hash",
    ]


def test_the_study_of_rewards_needs_a_point(change: Change) -> None:
    with pytest.raises(PoqError, match=r"reward_study\.alphas: found \[\]; expected at least 1"):
        config.load(change("reward_study", {"alphas": [], "betas": [0.0]}), "my.yaml")


def test_a_run_without_the_section_simulates_the_sweep_of_the_paper(change: Change) -> None:
    found = config.load(change("robustness", ABSENT), "my.yaml").robustness
    demo = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text())
    paper = {name: list(values) for name, values in found.grids["paper"] if values is not None}
    assert paper == demo["robustness"]["grids"]["paper"]


def test_long_values_are_cut(change: Change) -> None:
    with pytest.raises(PoqError) as error:
        config.load(change("reward/alpha", "x" * 100), "my.yaml")
    assert f"found '{'x' * 76}...; expected" in str(error.value)


def test_a_name_that_yaml_reads_as_a_number_must_be_quoted(change: Change) -> None:
    values = change("evaluators", {1: {**LEXICAL, "typo": 0}, "lexical-context": LEXICAL})
    message = "my.yaml: evaluators.1: found a key that is no text; put it in quotes"
    with pytest.raises(PoqError, match=f"^{message}$"):
        config.load(values, "my.yaml")


def test_the_demo_loads(root: Path) -> None:
    found = config.load_file(root / "config" / "config.yaml")
    assert found.run == "demo"
    assert found.pool() == tuple(found.evaluators)
    assert found.tasks["qa"].stop == ("\n",)


def test_a_trained_model_needs_prompts_to_learn_from(change: Change) -> None:
    change("splits/training", ABSENT)
    assert config.load(change("trained_models/minilm-cross/spare", 1), "my.yaml")
    with pytest.raises(PoqError) as error:
        config.load(change("trained_models/minilm-cross/spare", 0), "my.yaml")
    assert str(error.value) == (
        "my.yaml: trained_models.minilm-cross.spare: found 0 prompts to learn from; expected "
        "some, or splits.training above 0"
    )


def test_a_file_is_laid_over_the_demo(root: Path) -> None:
    values = yaml.safe_load((root / "config" / "config.yaml").read_text(encoding="utf-8"))
    over = yaml.safe_load((root / "config" / "squad_cnn.yaml").read_text(encoding="utf-8"))
    update_config(values, over)  # as Snakemake does with several files
    found = config.load(values, "squad_cnn.yaml")
    assert found.run == "squad-cnn"
    assert {name: task.sample for name, task in found.tasks.items()} == {
        "qa": 100,
        "summarization": 60,
    }
    assert {task.source.kind for task in found.tasks.values()} == {"local"}
    demo = config.load_file(root / "config" / "config.yaml")
    assert set(found.inference_nodes) - set(demo.inference_nodes) == {"smollm2-hot", "gemma3-int8"}
    assert found.evaluators == demo.evaluators


def test_a_pool_may_be_chosen(change: Change) -> None:
    values = change(
        "simulation/evaluators", ["static-context", "lexical-context", "minilm-context"]
    )
    found = config.load(values, "my.yaml")
    assert found.pool() == ("static-context", "lexical-context", "minilm-context")


def test_what_is_left_out_has_its_default(change: Change) -> None:
    for path in ("tasks/qa/sample", "tasks/qa/reference", "tasks/qa/stop", "model_cache"):
        values = change(path, ABSENT)
    found = config.load(values, "my.yaml")
    task = found.tasks["qa"]
    assert (task.sample, task.reference, task.stop) == (None, "token_f1", ())
    assert found.model_cache == "cache/models"


def test_a_whole_number_is_a_number(change: Change) -> None:
    assert config.load(change("reward/alpha", 2), "my.yaml").reward.alpha == 2.0


def test_the_values_survive_a_round_trip(change: Change, tmp_path: Path) -> None:
    values = change("seed", 5)
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert config.load_file(path) == config.load(values, "elsewhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as YAML: .*No such file"),
        (b"seed: [1\n", "cannot be read as YAML: "),
        (b"- seed\n", "expected a mapping of keys to values$"),
        (b"", "expected a mapping of keys to values$"),
        (b"\xff\xfe", "cannot be read"),
        (b"2025-01-01: x\n", "2025-01-01"),
    ],
    ids=["missing", "not YAML", "list", "empty", "not UTF-8", "date as key"],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "my.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PoqError, match=r"my\.yaml: " + message):
        config.load_file(path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "evaluators/smollm2-judge/endpoint/serve",
            "nothing",
            "evaluators.smollm2-judge.endpoint.serve: found 'nothing'; expected one of smollm2",
        ),
        (
            "evaluators/smollm2-judge/endpoint/serve",
            "smollm2-135m-instruct",
            "evaluators.smollm2-judge.endpoint.serve: found 'smollm2-135m-instruct', whose "
            "keep_gguf is False; expected a model with keep_gguf: true",
        ),
        (
            "inference_nodes/smollm2/model",
            "smollm2-135m-instruct-q4",
            "inference_nodes.smollm2.model: found 'smollm2-135m-instruct-q4', whose "
            "keep_gguf is True; expected a model with keep_gguf: false",
        ),
        (
            "evaluators/smollm2-judge/endpoint",
            {"model": "m", "base_url": "http://me:password@host/v1"},
            "endpoint.base_url: found (hidden: it may hold a secret); expected a URL",
        ),
        (
            "evaluators/smollm2-judge/endpoint",
            {"model": "m", "api_key_variable": "sk-secret"},
            "endpoint.api_key_variable: found (hidden: it may hold a secret); expected the name",
        ),
    ],
)
def test_endpoints_are_checked(change: Change, path: str, value: Any, message: str) -> None:
    with pytest.raises(PoqError) as error:
        config.load(change(path, value), "my.yaml")
    assert message in str(error.value)
    assert "password@" not in str(error.value)
    assert "sk-secret" not in str(error.value)


LOG = {
    "kind": "logs",
    "path": "log.csv",
    "columns": {"prompt": "id", "model": "m", "output": "o"},
    "qualities": {"human": {"column": "h", "worst": 1, "best": 5}},
    "prompts": {"kind": "packaged"},
}


@pytest.fixture
def logged(demo_config: dict[str, Any]) -> dict[str, Any]:
    """Return config/config.yaml with logs in the place of inference nodes."""
    demo_config["tasks"] = {
        task: {"source": copy.deepcopy(LOG), "reference": "human"}
        for task in ("qa", "summarization")
    }
    for grid in demo_config["robustness"]["grids"].values():
        grid.pop("beneficiary", None)
    del demo_config["inference_nodes"], demo_config["serving"]
    return demo_config


def test_logs_need_no_nodes_no_templates_no_limits(logged: dict[str, Any], root: Path) -> None:
    found = config.load(logged, "c.yaml")
    assert list(found.logs()) == ["qa", "summarization"]
    assert found.inference_nodes == {}
    # What a run keeps of its configuration can be read again.
    assert config.load(found.model_dump(mode="json"), "c.yaml") == found
    assert config.load_file(root / "config" / "logs.yaml").tasks["qa"].reference == "token_f1"
    generated = config.load_file(root / "config" / "config.yaml")
    assert generated.logs() == {}


def test_a_log_is_warned_of_prompts_that_may_move(logged: dict[str, Any]) -> None:
    hub = {"kind": "hub", "dataset": "a/b", "revision": "main", "split": "test"}
    logged["tasks"]["qa"]["source"]["prompts"] = hub
    assert config.load(logged, "c.yaml").unpinned() == [
        "tasks.qa.source.prompts.revision: 'main' may move; pin it to a full commit hash"
    ]


def test_the_beneficiary_of_an_attack_may_be_a_logged_model(logged: dict[str, Any]) -> None:
    logged["robustness"]["grids"]["beyond"]["beneficiary"] = "system-7"
    grids = config.load(logged, "c.yaml").robustness.grids
    assert grids["beyond"].beneficiary == "system-7"


IN_FILE = {"prompt": "id", "model": "m", "output": "o", "context": "c"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tasks/qa", TASK, "tasks: found logs for summarization and none for qa; expected "
         "source.kind logs for all tasks or for none"),
        ("inference_nodes", {"lead": {"kind": "lead", "sentences": 1}},
         "inference_nodes: found lead; expected none, since all outputs are logged"),
        ("tasks/qa/template", "t.txt",
         "tasks.qa.template: found 't.txt'; expected no such key for logs"),
        ("tasks/qa/max_output_tokens", 8,
         "tasks.qa.max_output_tokens: found 8; expected no such key for logs"),
        ("tasks/qa/reference", "humane", "tasks.qa.reference: found 'humane'; expected one of "
         "token_f1, exact_match, rouge1, rouge2, rougeL, human"),
        ("tasks/qa/source/columns/context", "c", "tasks.qa.source.columns.context: found 'c'; "
         "expected no such key, since `prompts` gives it"),
        ("tasks/summarization/source", LOG | {"prompts": None, "columns": IN_FILE | {
            "question": "q", "reference": "r"}}, "tasks.summarization.source.columns.question: "
         "found 'q'; expected no such key for task summarization"),
        ("tasks/qa/source", LOG | {"prompts": None, "columns": IN_FILE | {"reference": "r"}},
         "tasks.qa.source.columns.question: found nothing; expected a column, or `prompts`, for "
         "task qa"),
        ("tasks/summarization/source/prompts", {"kind": "local", "path": "a.csv", "columns": {
            "context": "c", "reference": "r", "question": "q"}},
         "tasks.summarization.source.prompts.columns.question: found 'q'; expected no such key for "
         "task summarization"),
        ("tasks/qa/source/qualities/token_f1", {"column": "f", "worst": 0, "best": 1},
         "tasks.qa.source.qualities.token_f1: found a name of another column; expected another"),
        ("tasks/qa/source/qualities/row", {"column": "f", "worst": 0, "best": 1},
         "tasks.qa.source.qualities.row: found a name of another column; expected another"),
        ("tasks/qa/source/qualities/Human", {"column": "f", "worst": 0, "best": 1},
         "tasks.qa.source.qualities.Human: found 'Human'; expected lower-case letters, "
         "digits and '_', the first a letter"),
        ("tasks/qa/source/prompts/kind", "logs", "tasks.qa.source.prompts.kind: found 'logs'; "
         "expected one of hub, local, packaged"),
        ("tasks/qa/source/on_bad_row", "skip", "tasks.qa.source.on_bad_row: found 'skip'; "
         "expected 'error' or 'drop'"),
        ("tasks/qa/source/columns/output", ABSENT,
         "tasks.qa.source.columns.output: is missing; expected a value"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_run_over_logs(
    logged: dict[str, Any], change: Change, path: str, value: Any, message: str
) -> None:
    with pytest.raises(PoqError) as error:
        config.load(change(path, value), "c.yaml")
    assert str(error.value) == f"c.yaml: {message}"


def test_what_needs_references_is_named_where_a_log_has_none(logged: dict[str, Any]) -> None:
    logged["tasks"]["summarization"]["source"] |= {"prompts": None, "columns": IN_FILE}
    logged["tasks"]["summarization"]["reference"] = "rougeL"
    with pytest.raises(PoqError) as error:
        config.load(logged, "c.yaml")
    lacking = (
        "but tasks.summarization.source has no references; expected columns.reference, prompts"
    )
    assert str(error.value).split("\n") == [
        f"c.yaml: evaluators.minilm-reference.compares_with: found 'reference', {lacking} or "
        "another evaluator",
        f"c.yaml: evaluators.static-reference.compares_with: found 'reference', {lacking} or "
        "another evaluator",
        f"c.yaml: trained_models.minilm-cross: learns from references, {lacking} or no such model",
        "c.yaml: tasks.summarization.reference: found 'rougeL'; expected one of human",
    ]


@pytest.mark.parametrize("key", ["template", "worked_example", "max_output_tokens"])
def test_a_task_that_is_generated_needs_a_template_and_a_limit(change: Change, key: str) -> None:
    with pytest.raises(PoqError, match=rf"tasks\.qa\.{key}: is missing; expected a value"):
        config.load(change(f"tasks/qa/{key}", ABSENT), "c.yaml")


@pytest.mark.parametrize("nodes", [ABSENT, {}, {"lead": {"kind": "lead", "sentences": 1}}])
def test_a_run_without_logs_needs_two_nodes(change: Change, nodes: Any) -> None:
    change("robustness/grids/beyond/beneficiary", ABSENT)
    with pytest.raises(PoqError, match=r"inference_nodes: found [01]; expected at least 2"):
        config.load(change("inference_nodes", nodes), "c.yaml")
