"""Bi-encoder evaluator: cosine similarity of two sentence embeddings.

Output and target are embedded apart by one encoder (Reimers and Gurevych, 2019, Sentence-BERT).
The folder is any sentence-transformers model; texts beyond its window are cut by the model's own
tokenizer, so a long context is seen only by its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from poq.evaluators.base import EncoderSettings, NetworkScorer, Scorer

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Settings(EncoderSettings):
    """Cosine of the embeddings of a sentence-transformers folder."""

    compares_outputs: ClassVar[bool] = True
    kind: Literal["bi_encoder"]


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer of a sentence-transformers folder; raw values in [-1, 1]."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(folder), device=device, local_files_only=True, trust_remote_code=False
    )
    return cosine_scorer(model, settings.batch_size)


def cosine_scorer(model: SentenceTransformer, batch_size: int) -> Scorer:
    """Return a scorer that embeds each distinct text once and takes cosines of the pairs.

    A text whose embedding is the zero vector (no known token) has cosine 0 with everything.
    """

    def score(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        texts = sorted({*outputs, *targets})
        index = {text: row for row, text in enumerate(texts)}
        vectors = np.asarray(
            model.encode(
                texts,
                batch_size=batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            ),
            dtype=np.float64,
        )
        left = vectors[[index[text] for text in outputs]]
        right = vectors[[index[text] for text in targets]]
        return np.asarray(np.einsum("nd,nd->n", left, right))

    return NetworkScorer(model, score)
