"""Static-embedding evaluator: cosine of mean token vectors, no attention.

A table of token vectors and their mean (sentence-transformers ``StaticEmbedding``): hundreds of
times cheaper than a transformer, and blind to word order. The folder holds ``tokenizer.json`` and
one safetensors file with a single two-dimensional tensor (tokens x dimensions). A text of any
length is read whole, unless ``max_length`` or ``tokenizer.json`` cuts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from poq.errors import PoqError
from poq.evaluators.base import EncoderSettings, Scorer
from poq.evaluators.bi_encoder import cosine_scorer
from poq.evaluators.reading import set_max_length, token_counter


class Settings(EncoderSettings):
    """Cosine of mean static token vectors."""

    compares_outputs: ClassVar[bool] = True
    kind: Literal["static_embedding"]


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer of a folder of token vectors; raw values in [-1, 1].

    Raises:
        PoqError: the folder does not hold exactly one two-dimensional tensor.
    """
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    folder = Path(str(folder))
    tensors = {
        f"{path.name}:{name}": tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(tensors) != 1 or len(next(iter(shapes.values()))) != 2:
        raise PoqError(
            f"{folder}: found tensors {shapes}; expected exactly one of shape (tokens, dimensions)"
        )
    (vectors,) = tensors.values()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    embedding = StaticEmbedding(tokenizer, embedding_weights=vectors.float())
    model = SentenceTransformer(modules=[embedding], device=device)
    limit = set_max_length(model, settings.max_length, folder)
    return cosine_scorer(model, settings.batch_size, token_counter(tokenizer), limit)
