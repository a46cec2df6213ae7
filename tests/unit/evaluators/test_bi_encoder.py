from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poq.errors import PoqError
from poq.evaluators.base import NetworkScorer, Scorer
from poq.evaluators.bi_encoder import Settings, load
from tests.unit.evaluators.stand_ins import Kind, save_bi_encoder

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


def made(**values: Any) -> Settings:
    shared = {
        "kind": "bi_encoder",
        "model": "tiny",
        "compares_with": "context",
        "scale": {"method": "fixed", "low": 0, "high": 1},
    }
    return Settings.model_validate(shared | values)


def load_bi_encoder(folder: Path, **values: Any) -> Scorer:
    return load(made(**values), folder, "cpu")


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
        found = load_bi_encoder(folder, batch_size=batch_size)(OUTPUTS, TARGETS)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_range_symmetry_and_identity(folder: Path) -> None:
    score = load_bi_encoder(folder)
    found = score(OUTPUTS, TARGETS)
    assert found.shape == (5,)
    assert (np.abs(found) <= 1 + 1e-6).all()
    assert found[-1] == pytest.approx(1, abs=1e-6)  # the same but for case and white space
    np.testing.assert_allclose(score(TARGETS, OUTPUTS), found, atol=1e-6)
    np.testing.assert_allclose(score(OUTPUTS, OUTPUTS), 1, atol=1e-6)


def test_a_folder_of_static_embeddings_is_one_too(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"cat": 0, "dog": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = torch.tensor([[3.0, 4.0], [4.0, 3.0], [0.0, 0.0]])
    embedding = StaticEmbedding(tokenizer, embedding_weights=table)
    SentenceTransformer(modules=[embedding]).save(str(tmp_path))
    # Nine dogs and more cats: the dogs alone are read of nine tokens, cosine (12 + 12) / 25.
    target = "dog " * 9 + "cat " * 500
    scorer = load_bi_encoder(tmp_path, max_length=9)
    assert isinstance(scorer, NetworkScorer)
    assert scorer(["cat"], [target]) == pytest.approx([24 / 25])
    assert [int(column[0]) for column in scorer.reading(["cat"], [target])] == [509, 9, 1, 1]
    whole = load_bi_encoder(tmp_path)
    assert isinstance(whole, NetworkScorer)
    assert whole.limit is None
    assert whole(["cat"], [target])[0] > 0.99


Make = Callable[..., Path]
# What published folders say in config_sentence_transformers.json: E5's prefixes of both kinds of
# texts, and an instruction for queries alone (BGE, mxbai-embed-large).
E5 = {"query": "query: ", "passage": "passage: "}
BGE = {"query": "Represent this sentence for searching relevant passages: "}


@pytest.fixture(scope="module")
def save(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Save an encoder of a kind; all of one kind have the same weights."""

    def make(kind: Kind = "bert", **values: Any) -> Path:
        return save_bi_encoder(tmp_path_factory.mktemp("encoder"), kind, **values)

    return make


@pytest.fixture(scope="module")
def plain(save: Make) -> Scorer:
    """The encoder without any prompts."""
    return load_bi_encoder(save())


@pytest.mark.parametrize(
    ("prompts", "default", "compares_with", "output", "target"),
    [
        (E5, None, "question", "passage: ", "query: "),
        (E5, None, "context", "query: ", "passage: "),
        (E5, None, "question+evidence", "query: ", "passage: "),
        (E5, None, "reference", "query: ", "query: "),
        (E5, "passage", "reference", "passage: ", "passage: "),
        (E5, "passage", "question", "passage: ", "query: "),
        (BGE, None, "question", "", BGE["query"]),
        (BGE, None, "question+context", BGE["query"], ""),
        (BGE, None, "reference", "", ""),
        ({"STS": "alike: "}, "STS", "context", "alike: ", "alike: "),
        ({"STS": "alike: "}, None, "context", "", ""),
        (None, None, "question", "", ""),
    ],
)
def test_prompts_come_from_the_model_s_own_configuration(
    save: Make,
    plain: Scorer,
    prompts: dict[str, str] | None,
    default: str | None,
    compares_with: str,
    output: str,
    target: str,
) -> None:
    folder = save(prompts=prompts, default_prompt_name=default)
    found = load_bi_encoder(folder, compares_with=compares_with)(OUTPUTS[:3], TARGETS[:3])
    expected = plain(
        [output + text for text in OUTPUTS[:3]], [target + text for text in TARGETS[:3]]
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    if output != target:
        assert np.abs(found - plain(OUTPUTS[:3], TARGETS[:3])).max() > 0.01


def test_the_configuration_names_prompts_and_adds_some(save: Make, plain: Scorer) -> None:
    question: dict[str, Any] = {"compares_with": "question"}
    # E5 and BGE as they were published: nothing in their folder.
    found = load_bi_encoder(save(), prompts=E5, **question)(OUTPUTS[:1], TARGETS[:1])
    expected = plain([f"passage: {OUTPUTS[0]}"], [f"query: {TARGETS[0]}"])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    folder = save(prompts=E5 | {"sts": "alike: "})
    chosen = {"target_prompt": "sts", "output_prompt": None} | question
    found = load_bi_encoder(folder, **chosen)(OUTPUTS[:1], TARGETS[:1])
    np.testing.assert_allclose(found, plain(OUTPUTS[:1], [f"alike: {TARGETS[0]}"]), atol=1e-6)
    with pytest.raises(PoqError) as error:
        load_bi_encoder(folder, output_prompt="document")
    assert str(error.value) == (
        "output_prompt: found 'document'; expected a prompt of the model: passage, query, sts"
    )


def test_outputs_are_compared_with_each_other_by_one_prompt() -> None:
    for target in ("reference", "question", "context"):
        alike = made(compares_with=target, target_prompt="passage").between_outputs()
        assert (alike.compares_with, alike.target_prompt) == ("reference", "auto")
    alike = made(output_prompt="sts").between_outputs()
    assert (alike.target_prompt, alike.output_prompt) == ("sts", "sts")


def test_a_prompt_takes_room(save: Make) -> None:
    # "query:" is six tokens; 20 less two special ones leave 12 for the output, 18 for the target.
    values: dict[str, Any] = {"max_length": 20, "prompts": {"query": "query: "}}
    scorer = load_bi_encoder(save(), **values)
    assert isinstance(scorer, NetworkScorer)
    found = scorer.reading(["cat " * 30], ["dog " * 30])
    assert [int(column[0]) for column in found] == [30, 18, 30, 12]
    given = scorer.network.preprocess(["query: " + "cat " * 30])["attention_mask"].sum()  # type: ignore[operator]
    assert given == 20
    with pytest.raises(PoqError, match="max_length is 8; expected more than 8, which the prompt"):
        load_bi_encoder(save(), **{**values, "max_length": 8})


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_windows_of_a_long_target_are_scored_one_by_one(save: Make, kind: Kind, pool: str) -> None:
    # 12 tokens less two special ones: the sentences have 7, 5 and 4 tokens with their full stops
    sentences = ["The cat sat the dog ran.", "The dog ran ran.", "Cat sat ran."]
    lower = [sentence.replace("T", "1 t").replace("C", "1 c") for sentence in sentences]
    long, short = " ".join(lower), "the dog ran"
    folder = save(kind, max_seq_length=12)
    scorer = load_bi_encoder(folder, windows={"pool": pool})
    assert isinstance(scorer, NetworkScorer)
    each = scorer(["cat sat"] * 3, [f" {sentence}" for sentence in lower])
    found = scorer(["cat sat", "cat sat"], [long, short])
    assert found[0] == pytest.approx(each.max() if pool == "max" else each.mean(), abs=1e-6)
    cut = load_bi_encoder(folder)(["cat sat", "cat sat"], [long, short])
    assert found[1] == pytest.approx(cut[1], abs=1e-6)
    assert found[0] != pytest.approx(cut[0], abs=1e-4)
    # Nothing is lost; a long output is cut all the same.
    read = scorer.reading(["cat " * 20], [long])
    assert read.target_tokens_read.tolist() == read.target_tokens.tolist() > [12]
    assert read.output_tokens_read.tolist() == [10]
