"""How many tokens an encoder reads of a text, and how a long target becomes windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poq.errors import PoqError
from poq.evaluators.base import WindowSettings
from poq.sentences import sentences

if TYPE_CHECKING:
    from pathlib import Path

    from torch.nn import Module

Ints = NDArray[np.int64]
UNLIMITED = 10**9
"""A tokenizer without a length of its own has a ``model_max_length`` of 1e30."""


class TokenCounter:
    """Counts the tokens of texts, special ones left out; each distinct text is tokenised once.

    Args:
        tokenize: returns the tokens of texts, none of them cut.
    """

    def __init__(self, tokenize: Callable[[list[str]], Iterable[Any]]) -> None:
        self._tokenize = tokenize

    def __call__(self, texts: Sequence[str]) -> Ints:
        """Return the number of tokens of each text, shape (n,)."""
        distinct = list(dict.fromkeys(texts))
        tokens = self._tokenize(distinct) if distinct else []
        counts = dict(zip(distinct, map(len, tokens), strict=True))
        return np.array([counts[text] for text in texts], dtype=np.int64)


def token_counter(tokenizer: Any) -> TokenCounter:
    """Return the counter of a tokenizer: of transformers, or one of ``tokenizers`` by itself."""
    from tokenizers import Tokenizer

    if isinstance(tokenizer, Tokenizer):  # of static embeddings, which take no special tokens
        whole = Tokenizer.from_str(tokenizer.to_str())
        whole.no_truncation()
        whole.no_padding()
        return TokenCounter(lambda texts: whole.encode_batch_fast(texts, add_special_tokens=False))

    def tokenize(texts: list[str]) -> Iterable[Any]:
        ids: Iterable[Any] = tokenizer(
            texts,
            add_special_tokens=False,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,  # that a text is longer than the model reads is counted, not printed
        )["input_ids"]
        return ids

    return TokenCounter(tokenize)


def set_max_length(model: Any, max_length: int | None, folder: Path | None) -> int | None:
    """Set how many tokens a model of sentence-transformers reads, and return it.

    Args:
        model: a ``SentenceTransformer`` or a ``CrossEncoder``.
        max_length: what the configuration wants; None for the model's own value.
        folder: the model's folder, for the message.

    Returns:
        Tokens of a text, or of a pair, special ones included; None if nothing limits them.

    Raises:
        PoqError: ``max_length`` exceeds the positions of the model.
    """
    from tokenizers import Tokenizer

    if isinstance(tokenizer := model.tokenizer, Tokenizer):
        if max_length is not None:
            tokenizer.enable_truncation(max_length)
        return tokenizer.truncation["max_length"] if tokenizer.truncation else None
    most = positions(model)
    if max_length is not None and most is not None and max_length > most:
        raise PoqError(
            f"{folder}: max_length is {max_length}; expected at most {most}, the positions that "
            "the model has"
        )
    own = max_length or model.max_seq_length
    limit = min(own or UNLIMITED, most or UNLIMITED)
    if limit >= UNLIMITED:
        return None
    model.max_seq_length = int(limit)
    return int(limit)


def special_tokens(tokenizer: Any, *, pair: bool = False) -> int:
    """Return the number of special tokens that a tokenizer puts around a text, or a pair."""
    from tokenizers import Tokenizer

    # Static embeddings leave them out.
    return 0 if isinstance(tokenizer, Tokenizer) else tokenizer.num_special_tokens_to_add(pair)


def positions(network: Module) -> int | None:
    """Return the number of tokens that a network has positions for; None if it has no limit.

    The rows of its table of position embeddings, less those that RoBERTa and its relatives keep
    for padding. Of a network with relative positions, the length that its configuration states.
    """
    from torch.nn import Embedding

    for module in network.modules():
        table = getattr(module, "position_embeddings", None)
        if isinstance(table, Embedding):
            unused = 0 if table.padding_idx is None else table.padding_idx + 1
            return table.num_embeddings - unused
    for module in network.modules():
        stated = getattr(getattr(module, "config", None), "max_position_embeddings", None)
        if isinstance(stated, int) and stated > 0:  # XLNet states -1
            return stated
    return None


def pair_read(first: Ints, second: Ints, room: int | None) -> tuple[Ints, Ints]:
    """Return how many tokens of two texts are read together where the longer one is cut first.

    ``longest_first`` of tokenizers: the longer text is cut to what the shorter one leaves, and
    both to half of the room if the shorter one has more than that; an odd token is the longer
    one's.

    Args:
        first: tokens of the first texts, shape (n,).
        second: tokens of the second texts, shape (n,).
        room: tokens that both have together; None if nothing is cut.
    """
    if room is None:
        return first, second
    shorter = np.minimum(np.minimum(first, second), room // 2)
    longer = np.minimum(np.maximum(first, second), room - shorter)
    # Where both fit, the shorter one may have more than half of the room's floor.
    fits = first + second <= room
    swapped = first > second
    read = np.where(swapped, longer, shorter), np.where(swapped, shorter, longer)
    return np.where(fits, first, read[0]), np.where(fits, second, read[1])


def windows(text: str, room: int, count: TokenCounter) -> list[str]:
    """Return a text in windows of at most ``room`` tokens, each as long as fits.

    Windows are made of whole sentences; a sentence that does not fit, of words. A single word that
    does not fit is a window by itself, which the model cuts. A text that fits is its own window;
    other windows begin with a space, which some tokenizers make a part of the first word.

    Args:
        text: the text.
        room: tokens of a window, without special ones, at least 1.
        count: counts tokens.
    """
    if count([text])[0] <= room:
        return [text]
    found: list[str] = []
    filled = room
    for piece, tokens in _pieces(text, room, count):
        if filled + tokens <= room:
            found[-1] += f" {piece}"
            filled += tokens
        else:
            found.append(f" {piece}")
            filled = tokens
    return found


def _pieces(text: str, room: int, count: TokenCounter) -> Iterable[tuple[str, int]]:
    """Yield the sentences of a text, or their words, with their tokens."""
    found = sentences(text)
    for sentence, tokens in zip(found, _counts(found, count), strict=True):
        if tokens <= room:
            yield sentence, tokens
        else:
            words = sentence.split()
            yield from zip(words, _counts(words, count), strict=True)


def _counts(pieces: list[str], count: TokenCounter) -> list[int]:
    counts: list[int] = count([f" {piece}" for piece in pieces]).tolist()
    return counts


def beyond(tokens: Ints, room: int | None) -> Ints:
    """Return how many tokens of texts are cut where ``room`` are read; None for all of them."""
    return np.zeros_like(tokens) if room is None else np.maximum(tokens - room, 0)


def pooled(
    values: NDArray[np.float64], parts: Sequence[int], window: WindowSettings | None
) -> NDArray[np.float64]:
    """Return one value for the windows of each target, shape (n,).

    Args:
        values: values of all windows, in the order of their targets.
        parts: number of windows of each target, at least 1; shape (n,).
        window: how values become one; None where each target is one window.
    """
    if window is None:
        return values
    sizes = np.asarray(parts, dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    if window.pool == "max":
        return np.asarray(np.maximum.reduceat(values, starts))
    return np.asarray(np.add.reduceat(values, starts) / sizes)
