from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poq.errors import PoqError
from poq.evaluators.base import NetworkScorer, Scorer
from poq.evaluators.static_embedding import Settings, load

VECTORS = {"cat": [3.0, 4.0], "dog": [4.0, 3.0], "not": [-3.0, -4.0], "<unk>": [0.0, 0.0]}
SETTINGS = Settings.model_validate(
    {
        "kind": "static_embedding",
        "model": "tiny",
        "compares_with": "context",
        "scale": {"method": "fixed", "low": 0, "high": 1},
    }
)
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save a folder with a word-level tokenizer and one file for each dict of tensors."""

    def make(*files: dict[str, list[list[float]] | list[float]], dtype: str = "float32") -> Path:
        import torch
        from safetensors.torch import save_file
        from tokenizers import Tokenizer, models, pre_tokenizers

        words = {word: number for number, word in enumerate(VECTORS)}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        for number, tensors in enumerate(files):
            content = {k: torch.tensor(v, dtype=getattr(torch, dtype)) for k, v in tensors.items()}
            save_file(content, tmp_path / f"{number}.safetensors")
        return tmp_path

    return make


def load_table(folder: Path) -> Scorer:
    return load(SETTINGS, folder, "cpu")


def test_a_text_is_read_whole_unless_it_is_to_be_cut(save: Save) -> None:
    folder = save({"table": list(VECTORS.values())})
    outputs, targets = ["cat " * 9, "not"], ["dog " * 8 + "not " * 9000, "dog mouse"]
    scorer = load_table(folder)
    assert isinstance(scorer, NetworkScorer)
    assert scorer.limit is None
    found = scorer.reading(outputs, targets)
    assert found.target_tokens.tolist() == found.target_tokens_read.tolist() == [9008, 2]
    assert found.output_tokens.tolist() == found.output_tokens_read.tolist() == [9, 1]
    # 8 tokens are the dogs alone: (3 * 4 + 4 * 3) / (5 * 5)
    cut = load(SETTINGS.model_copy(update={"max_length": 8}), folder, "cpu")
    assert isinstance(cut, NetworkScorer)
    assert cut(outputs[:1], targets[:1]) == pytest.approx([24 / 25])
    assert scorer(outputs[:1], targets[:1])[0] < 0
    found = cut.reading(outputs, targets)
    assert found.target_tokens.tolist() == [9008, 2]
    assert found.target_tokens_read.tolist() == [8, 2]
    assert found.output_tokens_read.tolist() == [8, 1]


def test_a_tokenizer_that_cuts_by_itself_is_noticed(save: Save) -> None:
    from tokenizers import Tokenizer

    folder = save({"table": list(VECTORS.values())})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(10)
    tokenizer.enable_padding(length=10)
    tokenizer.save(str(folder / "tokenizer.json"))
    scorer = load_table(folder)
    assert isinstance(scorer, NetworkScorer)
    assert scorer.limit == 10
    found = scorer.reading(["cat"], ["cat " * 30])
    assert [int(column[0]) for column in found] == [30, 10, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_cosine_of_mean_vectors(save: Save, dtype: str) -> None:
    score = load_table(save({"table": list(VECTORS.values())}, dtype=dtype))
    pairs = {
        ("cat", "cat"): 1.0,
        ("cat", "dog"): 24 / 25,  # (3 * 4 + 4 * 3) / (5 * 5)
        # mean (3.5, 3.5): (3 + 4) / (5 * sqrt(2))
        ("cat dog", "cat"): 7 / (5 * np.sqrt(2)),
        ("dog cat", "cat dog"): 1.0,  # blind to order
        ("cat", "not"): -1.0,
        ("cat not", "dog"): 0.0,  # the mean is the zero vector
        ("mouse", "cat"): 0.0,  # no known token
        ("mouse", "mouse"): 0.0,
        ("cat", ""): 0.0,  # no token
        ("cat mouse", "cat"): 1.0,  # half as long, the same direction
    }
    outputs, targets = zip(*pairs, strict=True)
    np.testing.assert_allclose(score(outputs, targets), list(pairs.values()), atol=1e-6)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], "{}"),
        (
            [{"a": [[1.0, 2.0]], "b": [[1.0]]}],
            "{'0.safetensors:a': (1, 2), '0.safetensors:b': (1, 1)}",
        ),
        (
            [{"a": [[1.0, 2.0]]}, {"a": [[1.0]]}],
            "{'0.safetensors:a': (1, 2), '1.safetensors:a': (1, 1)}",
        ),
        ([{"a": [1.0, 2.0]}], "{'0.safetensors:a': (2,)}"),
    ],
    ids=["none", "two in a file", "two files", "one dimension"],
)
def test_anything_but_one_table_is_refused(
    save: Save, files: list[dict[str, list[list[float]]]], found: str
) -> None:
    folder = save(*files)
    with pytest.raises(PoqError) as error:
        load_table(folder)
    assert str(error.value) == (
        f"{folder}: found tensors {found}; expected exactly one of shape (tokens, dimensions)"
    )
