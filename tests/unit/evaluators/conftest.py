"""Tiny model folders: the smallest that the libraries accept, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "##s", "un", "##til", "?", "."]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MakeClassifier = Callable[..., Path]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and 16 dimensions with random weights and a WordPiece tokenizer."""
    import torch
    from transformers import BertModel

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    BertModel(_bert_config()).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> MakeClassifier:
    """Make a sequence-classification folder over the same kind of encoder.

    ``bias`` has an entry a label and, unless ``random`` is set, is the logit of every input: the
    head's weights are 0. ``extra`` goes into the model's configuration.
    """

    def make(
        bias: list[float], *, random: bool = False, extra: dict[str, Any] | None = None
    ) -> Path:
        import torch
        from transformers import BertForSequenceClassification

        folder = tmp_path_factory.mktemp("classifier")
        torch.manual_seed(0)
        config = _bert_config(num_labels=len(bias), **(extra or {}))
        model = BertForSequenceClassification(config)
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor(bias))
            model.classifier.weight.mul_(1 if random else 0)
        model.save_pretrained(folder)
        _save_tokenizer(folder)
        return folder

    return make


def _bert_config(**values: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,  # so that different texts differ visibly
        **values,
    )


def _save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    special = {f"{name}_token": token for name, token in zip(names, SPECIAL, strict=True)}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **special
    ).save_pretrained(folder)
