"""How an evaluator's model is trained."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from poq.settings import Settings

Corruption = Literal[
    "untouched", "truncated", "entity_swapped", "shuffled", "widened", "misplaced", "echoed",
    "off_topic", "looped", "node_output",
]  # fmt: skip
Label = Literal["token_f1", "rougeL"]
EVERY: tuple[Corruption, ...] = get_args(Corruption)


class LabelSettings(Settings):
    """What a training text is worth, by task: its likeness to the references."""

    qa: Label = Field("token_f1", description="Label of answers.")
    summarization: Label = Field("rougeL", description="Label of summaries.")


class TrainedModelSettings(Settings):
    """A cross-encoder fine-tuned on the training split, for evaluators to use like any model."""

    base: str = Field(description="Encoder that training starts from, a key of `models`.")
    target: Literal["question", "context", "question+context", "question+evidence"] = Field(
        "question+context", description="What is read beside an output, in training and scoring."
    )
    spare: int = Field(
        0,
        ge=0,
        description="Further prompts of each task to learn from, at most: of those that the run's "
        "sample left out, on no context of a calibration or test prompt. No node answers them.",
    )
    corruptions: tuple[Corruption, ...] = Field(EVERY, description="Kinds of training texts.")
    per_kind: int | None = Field(
        None,
        ge=1,
        description="Texts to learn from of each task and kind, drawn by the seed; all if left "
        "out. Outputs of nodes are never left out.",
    )
    labels: LabelSettings = Field(LabelSettings(), description="Label of each task's texts.")
    held_out: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of each task's training prompts that only the reported loss sees.",
    )
    max_length: int = Field(256, ge=8, description="Tokens of a pair; the longer text is cut.")
    epochs: int = Field(3, ge=1, description="Passes over the examples.")
    batch_size: int = Field(16, ge=1, description="Examples in one step.")
    learning_rate: float = Field(
        5e-5,
        gt=0,
        description="Peak of the learning rate: a tenth of the steps up, then down to 0.",
    )
    frozen_layers: int = Field(
        0, ge=0, description="Lowest layers that stay as they are; with any, the embeddings too."
    )
    threads: int = Field(1, ge=1, description="CPU threads; part of the result.")
