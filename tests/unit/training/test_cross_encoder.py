from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from poq.errors import PoqError
from poq.evaluators import cross_encoder
from poq.evaluators.base import NetworkScorer, Scorer
from poq.models.folder import model_folder
from poq.provenance import reachable_modules
from poq.training.cross_encoder import (
    cross_entropy,
    train_cross_encoder,
    with_training_prompts,
)
from poq.training.settings import TrainedModelSettings
from tests.conftest import ROOT, Frames

SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "epochs": 100,
    "batch_size": 8,
    "learning_rate": 0.003,
    "max_length": 16,
}


@pytest.fixture
def prompts(frame: Frames) -> pl.DataFrame:
    return frame(
        "prompts",
        prompt_id=["a", "b", "planted"],
        task="qa",
        question=["the cat ?", "the dog ?", "the mat ?"],
        context=["cat sat on the mat", "dog ran", "mat"],
        split=["training", "training", "test"],
    )


@pytest.fixture
def examples(frame: Frames) -> pl.DataFrame:
    return frame(
        "training",
        prompt_id=["a", "a", "a", "a", "b", "b"],
        output=["sat on the mat", "sat", "ran", "dog", "ran", "sat"],
        label=[1.0, 0.4, 0.0, 0.0, 1.0, 0.0],
        part=["fit"] * 5 + ["held_out"],
    )


def train(
    base: Path, examples: pl.DataFrame, prompts: pl.DataFrame, manifest: Path, **values: Any
) -> Path:
    settings = TrainedModelSettings.model_validate(SETTINGS | values)
    where = {"source": {"kind": "trained"}, "seed": 7, "device": "cpu"}
    train_cross_encoder(settings, base, examples, prompts, manifest, **where)  # type: ignore[arg-type]
    return manifest


def load(manifest: Path) -> Scorer:
    settings = cross_encoder.Settings.model_validate(
        {
            "kind": "cross_encoder",
            "model": "tiny",
            "compares_with": "question+context",
            "scale": {"method": "fixed", "low": 0, "high": 1},
        }
    )
    return cross_encoder.load(settings, model_folder(manifest), "cpu")


def test_the_trained_folder_scores_like_any_and_has_learnt(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    manifest = train(encoder, examples, prompts, tmp_path / "m" / "poq-model.json")
    assert json.loads(manifest.read_text())["source"] == {"kind": "trained"}
    assert not list(tmp_path.glob("*.partial"))
    targets = ["the cat ?\ncat sat on the mat"] * 4 + ["the dog ?\ndog ran"]
    scorer = load(manifest)
    assert isinstance(scorer, NetworkScorer)
    assert scorer.limit == SETTINGS["max_length"]  # by default: its folder states it
    raw = scorer(examples["output"].to_list()[:5], targets)
    assert ((raw >= 0) & (raw <= 1)).all()
    # The same answer, "ran", is worth nothing for one prompt and everything for the other: only a
    # model that reads both texts can tell.
    assert raw[[0, 4]].min() > raw[[2, 3]].max() + 0.3


TRAIN = """
import sys, polars as pl
from poq import hardware
hardware.use_threads(int(sys.argv[1]))
from poq.training.cross_encoder import train_cross_encoder
from poq.training.settings import TrainedModelSettings
settings = TrainedModelSettings(base="tiny", epochs=2, batch_size=4, max_length=16)
examples, prompts = (pl.read_parquet(path) for path in sys.argv[3:5])
train_cross_encoder(
    settings, sys.argv[2], examples, prompts, sys.argv[5], source={}, seed=7, device="cpu"
)
"""


def test_same_bytes_in_another_process_on_fewer_cores(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    examples.write_parquet(tmp_path / "e.parquet")
    prompts.write_parquet(tmp_path / "p.parquet")
    folders = []
    for name, cores in (("all", os.sched_getaffinity(0)), ("one", {min(os.sched_getaffinity(0))})):
        manifest = tmp_path / name / "poq-model.json"
        files = (encoder, tmp_path / "e.parquet", tmp_path / "p.parquet", manifest)
        subprocess.run(
            [sys.executable, "-c", TRAIN, "2", *map(str, files)],
            check=True,
            cwd=ROOT,
            preexec_fn=partial(os.sched_setaffinity, 0, cores),
        )
        folders.append({p.name: p.read_bytes() for p in manifest.parent.iterdir() if p.is_file()})
    assert "model.safetensors" in folders[0]
    assert folders[0] == folders[1]


def test_another_seed_gives_another_model(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    settings = TrainedModelSettings.model_validate(SETTINGS | {"epochs": 3})
    weights = []
    for seed in (7, 8):
        manifest = tmp_path / str(seed) / "poq-model.json"
        train_cross_encoder(
            settings, encoder, examples, prompts, manifest, source={}, seed=seed, device="cpu"
        )
        weights.append((manifest.parent / "model.safetensors").read_bytes())
    assert weights[0] != weights[1]


def test_a_planted_test_prompt_is_refused(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, frame: Frames, tmp_path: Path
) -> None:
    planted = pl.concat([examples, frame("training", prompt_id="planted")])
    with pytest.raises(PoqError, match=r"\['planted'\] of 1 prompts are in another split"):
        train(encoder, planted, prompts, tmp_path / "m" / "poq-model.json")
    assert not (tmp_path / "m").exists()
    assert len(with_training_prompts(examples, prompts)) == len(examples)


def test_nothing_to_fit_is_told(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    held_out = examples.with_columns(part=pl.lit("held_out"))
    with pytest.raises(PoqError, match="none to fit"):
        train(encoder, held_out, prompts, tmp_path / "m" / "poq-model.json")


def test_held_out_examples_change_no_weight_and_are_reported(
    encoder: Path,
    examples: pl.DataFrame,
    prompts: pl.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fit = examples.filter(pl.col("part") == "fit")
    weights = []
    for name, rows in (("with", examples), ("without", fit)):
        with caplog.at_level("INFO", logger="poq.training.cross_encoder"):
            manifest = train(encoder, rows, prompts, tmp_path / name / "poq-model.json", epochs=3)
        weights.append((manifest.parent / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    told = [r.getMessage() for r in caplog.records if r.name == "poq.training.cross_encoder"]
    # the mean label to fit is 2.4 / 5; for label 0 it costs -ln(1 - 0.48)
    assert told[1].startswith("held out: loss ")
    assert told[1].endswith(f"of the constant 0.480 {-math.log(0.52):.4f}, n = 1")
    assert len([line for line in told if line.startswith("held out")]) == 1


def test_frozen_layers_stay_as_they_are(
    encoder: Path, examples: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    message = "frozen_layers: found 1; expected fewer than the 1 there"
    with pytest.raises(PoqError, match=message):
        train(encoder, examples, prompts, tmp_path / "m" / "poq-model.json", frozen_layers=1)

    from transformers import BertConfig, BertModel

    config = BertConfig.from_pretrained(encoder, num_hidden_layers=2)
    deeper = tmp_path / "deeper"
    BertModel(config).save_pretrained(deeper)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (deeper / name).write_bytes((encoder / name).read_bytes())
    manifest = train(
        deeper, examples, prompts, tmp_path / "m" / "poq-model.json", frozen_layers=1, epochs=3
    )
    before = load_file(deeper / "model.safetensors")
    after = load_file(manifest.parent / "model.safetensors")
    same = {name for name, value in before.items() if np.array_equal(value, after[f"bert.{name}"])}
    assert {name for name in before if "embeddings" in name or "layer.0." in name} <= same
    assert "encoder.layer.1.output.dense.weight" not in same


@pytest.mark.parametrize(
    ("labels", "value", "expected"),
    [
        ([1.0, 0.0], 0.25, -(math.log(0.25) + math.log(0.75)) / 2),
        ([0.5], 0.25, -(math.log(0.25) + math.log(0.75)) / 2),
        ([1.0, 1.0], 1.0, 0.0),
        ([0.0], 0.0, 0.0),
        ([0.5], 1.0, math.inf),
    ],
)
def test_cross_entropy_of_a_constant(labels: list[float], value: float, expected: float) -> None:
    assert cross_entropy(np.array(labels), value) == pytest.approx(expected)


def test_code_of_training_retrains_and_rescores_no_other_evaluator(root: Path) -> None:
    scripts = root / "workflow" / "scripts"
    assert "poq.training.cross_encoder" in reachable_modules(scripts / "train_evaluator.py")
    assert "poq.training.corruptions" in reachable_modules(scripts / "build_examples.py")
    for script, kind in (("score_outputs", "cross_encoder"), ("profile_evaluator", "lexical")):
        found = reachable_modules(scripts / f"{script}.py", [f"poq.evaluators.{kind}"])
        assert not {name for name in found if name.startswith("poq.training")}
