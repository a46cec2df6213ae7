from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poq.errors import PoqError
from poq.evaluators.base import Scorer
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
