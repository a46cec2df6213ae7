from pathlib import Path

import numpy as np
import pytest

from poq.evaluators.base import Scorer
from poq.evaluators.bi_encoder import Settings, load

OUTPUTS = ["the cat sat", "dog", "until the cat ran", "", "the cat sat"]
TARGETS = ["the dog ran", "the cat sat on the mats.", "?", "dog", "The  CAT sat"]


@pytest.fixture(scope="module")
def folder(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: the tiny encoder, then the mean over tokens."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    path = tmp_path_factory.mktemp("sentence-encoder")
    model = SentenceTransformer(modules=[Transformer(str(encoder)), Pooling(16, "mean")])
    model.save(str(path))
    return path


def load_bi_encoder(folder: Path, batch_size: int = 16) -> Scorer:
    settings = {
        "kind": "bi_encoder",
        "model": "tiny",
        "batch_size": batch_size,
        "compares_with": "context",
        "scale": {"method": "fixed", "low": 0, "high": 1},
    }
    return load(Settings.model_validate(settings), folder, "cpu")


def test_cosine_of_the_mean_token_vectors(encoder: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(encoder)

    def embed(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        with torch.no_grad():
            vectors = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = vectors.mean(dim=0).double().numpy()
        return np.asarray(mean / np.linalg.norm(mean))

    expected = [embed(o) @ embed(t) for o, t in zip(OUTPUTS, TARGETS, strict=True)]
    assert np.ptp(expected) > 0.01  # or else the order could not be seen
    for batch_size in (1, 16):
        found = load_bi_encoder(folder, batch_size)(OUTPUTS, TARGETS)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_range_symmetry_and_identity(folder: Path) -> None:
    score = load_bi_encoder(folder)
    found = score(OUTPUTS, TARGETS)
    assert found.shape == (5,)
    assert (np.abs(found) <= 1 + 1e-6).all()
    assert found[-1] == pytest.approx(1, abs=1e-6)  # the same but for case and white space
    np.testing.assert_allclose(score(TARGETS, OUTPUTS), found, atol=1e-6)
    np.testing.assert_allclose(score(OUTPUTS, OUTPUTS), 1, atol=1e-6)
