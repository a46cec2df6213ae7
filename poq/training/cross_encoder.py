"""Fine-tunes an encoder into a cross-encoder that scores outputs without a reference.

A new head with one label and a sigmoid is trained with binary cross-entropy on graded labels
(sentence-transformers' ``CrossEncoderTrainer``). Pairs are ordered, cut and tokenised by the same
code that scores them (:mod:`poq.evaluators.cross_encoder`). The number of epochs is fixed and
nothing is selected: the held-out prompts only tell the loss, in the log.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.errors import PoqError
from poq.models.folder import building_folder, complete_folder, locked
from poq.scoring import targets
from poq.streams import stream
from poq.tables import with_prompts
from poq.training.settings import TrainedModelSettings

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import CrossEncoder

log = logging.getLogger(__name__)


def train_cross_encoder(
    settings: TrainedModelSettings,
    base: Path,
    examples: pl.DataFrame,
    prompts: pl.DataFrame,
    manifest: str | Path,
    *,
    source: Mapping[str, Any],
    seed: int,
    device: str,
) -> None:
    """Train a cross-encoder and write its folder, with the manifest of any model folder.

    The same arguments give the same weights, to the byte, on one kind of processor.

    Args:
        settings: how to train.
        base: folder of the encoder that training starts from.
        examples: table ``training``.
        prompts: table ``prompts``.
        manifest: path of the manifest; its folder is replaced, whole or not at all.
        source: what the manifest tells of where the model came from.
        seed: the run's seed.
        device: "cpu" or "cuda".

    Raises:
        PoqError: an example is of a prompt of another split, or none is left to fit.
    """
    rows = with_training_prompts(examples, prompts)
    fit, held_out = (_dataset(rows, settings, part) for part in ("fit", "held_out"))
    if not len(fit):
        raise PoqError("training examples: none to fit; expected at least one")
    number = int(stream(seed, "training", "weights").integers(2**31))
    model = _new_model(settings, base, number, device)
    with tempfile.TemporaryDirectory() as scratch:
        _fit(model, settings, fit, held_out, number, device, scratch)
    with locked(manifest):
        folder = building_folder(manifest)
        model.save_pretrained(str(folder), create_model_card=False)
        complete_folder(manifest, {"source": dict(source)})


def with_training_prompts(examples: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Return the examples joined with their prompts.

    Raises:
        PoqError: an example's prompt is unknown, or is not in the training split.
    """
    rows = with_prompts(examples, prompts.drop("task"))
    astray = rows.filter(pl.col("split") != "training")["prompt_id"].unique().sort()
    if len(astray):
        raise PoqError(
            f"training examples: {astray.head(3).to_list()} of {len(astray)} prompts are in "
            "another split; expected prompts of the training split alone"
        )
    return rows


def _dataset(rows: pl.DataFrame, settings: TrainedModelSettings, part: str) -> Dataset:
    """Return the pairs of one part, target first, as the evaluator reads them."""
    from datasets import Dataset

    chosen = rows.filter(pl.col("part") == part)
    texts = [text for (text,) in targets(chosen, settings.target)]
    return Dataset.from_dict(
        {"target": texts, "output": chosen["output"].to_list(), "label": chosen["label"].to_list()}
    )


def _new_model(settings: TrainedModelSettings, base: Path, seed: int, device: str) -> CrossEncoder:
    from sentence_transformers import CrossEncoder
    from torch.nn import Dropout
    from transformers import enable_full_determinism

    enable_full_determinism(seed)
    model = CrossEncoder(
        str(base),
        num_labels=1,
        max_length=settings.max_length,
        device=device,
        local_files_only=True,
        trust_remote_code=False,
    )
    for module in model.modules():
        if isinstance(module, Dropout):
            # A few passes do not overfit, and on a CPU the masks cost a third of the time.
            module.p = 0.0
    if settings.frozen_layers:
        _freeze(model.model.base_model, settings.frozen_layers)
    return model


def _fit(
    model: CrossEncoder,
    settings: TrainedModelSettings,
    fit: Dataset,
    held_out: Dataset,
    seed: int,
    device: str,
    scratch: str,
) -> None:
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    arguments = CrossEncoderTrainingArguments(
        output_dir=scratch,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=0.1,
        seed=seed,
        full_determinism=True,
        use_cpu=device == "cpu",
        save_strategy="no",
        logging_steps=10,
        report_to="none",
    )
    trainer = CrossEncoderTrainer(
        model=model,
        args=arguments,
        train_dataset=fit,
        eval_dataset=held_out,
        loss=BinaryCrossEntropyLoss(model),
    )
    trainer.train()
    constant = float(np.mean(fit["label"]))
    for name, data in (("fit", fit), ("held out", held_out)):
        if len(data):
            log.info(
                "%s: loss %.4f, of the constant %.3f %.4f, n = %d",
                name,
                trainer.evaluate(data)["eval_loss"],
                constant,
                cross_entropy(np.asarray(data["label"]), constant),
                len(data),
            )


def cross_entropy(labels: NDArray[np.float64], value: float) -> float:
    """Return the mean binary cross-entropy of one value for all labels, all in [0, 1].

    Infinite if the value rules a label out (0 or 1 where the label is not).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        likely = np.where(labels > 0, labels * np.log(value), 0.0)
        unlikely = np.where(labels < 1, (1 - labels) * np.log1p(-value), 0.0)
    return float(-np.mean(likely + unlikely))


def _freeze(encoder: Any, count: int) -> None:
    """Keep the embeddings and the lowest layers of a BERT-like encoder as they are.

    Raises:
        PoqError: the encoder has no list of layers, or not more than ``count``.
    """
    layers = getattr(getattr(encoder, "encoder", None), "layer", ())
    if len(layers) <= count:
        raise PoqError(f"frozen_layers: found {count}; expected fewer than the {len(layers)} there")
    for module in (encoder.embeddings, *layers[:count]):
        module.requires_grad_(False)
