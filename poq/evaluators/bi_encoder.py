"""Bi-encoder evaluator: cosine similarity of two sentence embeddings.

Output and target are embedded apart by one encoder (Reimers and Gurevych, 2019, Sentence-BERT).
The folder is any sentence-transformers model. A text longer than ``max_length`` is cut at its end,
which the table counts; with ``windows`` a long target is embedded window by window, and the
cosines of its windows are pooled.

Some models (E5, BGE) were trained with an instruction before each text, their *prompt*. The names
and texts of prompts come from the model's own configuration (``prompts`` of sentence-transformers)
and from the key ``prompts``, which adds to it for models whose configuration has none. Which text
gets which prompt, unless the configuration names one:

- compared with a question, the question gets the prompt ``query``, the output ``document``;
- compared with a context, the output gets ``query`` and the context ``document``, as the shorter
  text that is looked up in the longer one;
- compared with a reference, or two outputs with each other, both get the same prompt: the model's
  default prompt; else ``query`` if the model has a prompt for documents too (E5: one before every
  text); else none (BGE: an instruction for queries alone).

``document`` may also be called ``passage`` or ``corpus``, as in sentence-transformers. A model
with neither prompt gets its default prompt before every text, or none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from poq.errors import PoqError
from poq.evaluators.base import (
    NetworkScorer,
    Reading,
    Scorer,
    Target,
    TransformerSettings,
    WindowSettings,
)
from poq.evaluators.reading import (
    TokenCounter,
    beyond,
    pooled,
    set_max_length,
    special_tokens,
    token_counter,
    windows,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

AUTO = "auto"
log = logging.getLogger(__name__)


class Settings(TransformerSettings):
    """Cosine of the embeddings of a sentence-transformers folder."""

    compares_outputs: ClassVar[bool] = True
    kind: Literal["bi_encoder"]
    prompts: dict[str, str] = Field(
        {},
        description="Texts that are put before what is embedded, by name; they add to those of the "
        "model's own configuration and override them.",
    )
    target_prompt: str | None = Field(
        AUTO, description="Name of the target's prompt; null for none. 'auto' chooses."
    )
    output_prompt: str | None = Field(
        AUTO, description="Name of the output's prompt; null for none. 'auto' chooses."
    )

    def between_outputs(self) -> Settings:
        """Return the settings that treat both texts as outputs are treated."""
        alike = {"compares_with": "reference", "target_prompt": self.output_prompt}
        return self.model_copy(update=alike)


class Prompts(NamedTuple):
    """What is put before each output and each target; empty for nothing."""

    output: str = ""
    target: str = ""


NO_PROMPTS = Prompts()


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer of a sentence-transformers folder; raw values in [-1, 1].

    Raises:
        PoqError: ``max_length`` exceeds the model's positions, a prompt has no such name, or
            prompts leave no room for a text.
    """
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(folder), device=device, local_files_only=True, trust_remote_code=False
    )
    limit = set_max_length(model, settings.max_length, folder)
    prompts = chosen_prompts(settings, model.prompts, model.default_prompt_name)
    if any(prompts):
        log.info("prompt of outputs: %r, of targets: %r", *prompts)
    count = token_counter(model.tokenizer)
    special = special_tokens(model.tokenizer)
    for tokens in count([prompt.rstrip() for prompt in prompts]).tolist():
        if limit is not None and limit - special - tokens < 1:
            raise PoqError(
                f"{folder}: max_length is {limit}; expected more than {special + tokens}, which "
                "the prompt and special tokens take"
            )
    return cosine_scorer(
        model, settings.batch_size, count, limit, special, prompts, settings.windows
    )


def chosen_prompts(
    settings: Settings, known: Mapping[str, str | None], default: str | None
) -> Prompts:
    """Return the prompts of outputs and targets; see the docstring of the module.

    Args:
        settings: what the configuration says.
        known: prompts of the model's own configuration, by name.
        default: name of its default prompt; None without one.

    Raises:
        PoqError: the configuration names a prompt that neither it nor the model has.
    """
    texts = {name: text or "" for name, text in known.items()} | settings.prompts
    names = {"target_prompt": settings.target_prompt, "output_prompt": settings.output_prompt}
    for key, name in names.items():
        # sentence-transformers lists some names with every model, and no text for them.
        if name not in (None, AUTO) and not texts.get(name):
            listed = ", ".join(sorted(name for name, text in texts.items() if text)) or "none"
            raise PoqError(f"{key}: found {name!r}; expected a prompt of the model: {listed}")
    fitting = _fitting_prompts(settings.compares_with, texts, texts.get(default or "", ""))

    def text(name: str | None, auto: str) -> str:
        return auto if name == AUTO else texts[name] if name is not None else ""

    return Prompts(
        text(settings.output_prompt, fitting.output), text(settings.target_prompt, fitting.target)
    )


def _fitting_prompts(compares_with: Target, texts: Mapping[str, str], default: str) -> Prompts:
    query = texts.get("query", "")
    of_documents = (texts[name] for name in ("document", "passage", "corpus") if texts.get(name))
    document = next(of_documents, "")
    if not query and not document:
        return Prompts(default, default)
    if compares_with == "reference":
        both = default or (query if document else "")
        return Prompts(both, both)
    if compares_with == "question":
        return Prompts(output=document, target=query)
    return Prompts(output=query, target=document)


def cosine_scorer(
    model: SentenceTransformer,
    batch_size: int,
    count: TokenCounter,
    limit: int | None,
    special: int = 0,
    prompts: Prompts = NO_PROMPTS,
    window: WindowSettings | None = None,
) -> NetworkScorer:
    """Return a scorer that embeds each distinct text once and takes cosines of the pairs.

    A text whose embedding is the zero vector (no known token) has cosine 0 with everything.

    Args:
        model: the encoder.
        batch_size: texts in a forward pass.
        count: counts the tokens of texts.
        limit: tokens of a text that the encoder reads, special ones and prompt included; None for
            all.
        special: special tokens that it puts around a text.
        prompts: what is put before texts.
        window: how targets that are too long are scored; they are cut if None.
    """
    output_room, target_room = (
        None if limit is None else limit - special - tokens
        for tokens in count([prompt.rstrip() for prompt in prompts]).tolist()
    )

    def parts_of(targets: Sequence[str]) -> dict[str, list[str]]:
        """Return what is embedded of each target: itself, or its windows."""
        distinct = dict.fromkeys(targets)
        if window is None or target_room is None:
            return {target: [target] for target in distinct}
        parts = {target: windows(target, target_room, count) for target in distinct}
        if prompts.target.endswith(" "):
            return {target: [part.lstrip() for part in own] for target, own in parts.items()}
        return parts

    def score(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        parts = parts_of(targets)
        texts: dict[str, set[str]] = {prompt: set() for prompt in prompts}
        texts[prompts.output].update(outputs)
        texts[prompts.target].update(*parts.values())
        ordered = {prompt: sorted(shown) for prompt, shown in texts.items()}
        embedded = [
            model.encode(
                shown,
                prompt=prompt,
                batch_size=batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            for prompt, shown in ordered.items()
        ]
        vectors = np.concatenate(embedded).astype(np.float64)
        keys = ((prompt, text) for prompt, shown in ordered.items() for text in shown)
        row = {key: number for number, key in enumerate(keys)}
        pairs = [
            (row[prompts.output, output], row[prompts.target, part])
            for output, target in zip(outputs, targets, strict=True)
            for part in parts[target]
        ]
        left, right = np.array(pairs).T
        cosines = np.asarray(np.einsum("nd,nd->n", vectors[left], vectors[right]))
        return pooled(cosines, [len(parts[target]) for target in targets], window)

    def reading(outputs: Sequence[str], targets: Sequence[str]) -> Reading:
        said, compared = count(outputs), count(targets)
        lost = beyond(compared, target_room)
        if window is not None:
            parts = parts_of(targets)
            cut = {text: beyond(count(own), target_room).sum() for text, own in parts.items()}
            lost = np.array([cut[target] for target in targets])
        return Reading(compared, compared - lost, said, said - beyond(said, output_room))

    return NetworkScorer(model, score, reading, limit)
