"""The smallest model folders that the libraries accept, in the hub's layout: random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# One token a character; "Ġ" is the byte-level name of a space.
TOKENS = ["<unk>", "<s>", "</s>", *"abcdefgQA:.Ġ"]
WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "##s", "un", "##til", "?", "."]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_language_model(folder: Path) -> None:
    """Save a Llama of 2 layers and 16 dimensions, without a chat template."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate(TOKENS)}
    tokenizer = Tokenizer(BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(3)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(TOKENS),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=2,
            max_position_embeddings=8192,
            initializer_range=1.0,
        )
    ).save_pretrained(folder)


def save_encoder(folder: Path) -> None:
    """Save a BERT of one layer and 16 dimensions with a WordPiece tokenizer."""
    import torch
    from transformers import BertModel

    torch.manual_seed(0)
    BertModel(_bert_config()).save_pretrained(folder)
    _save_word_pieces(folder)


def save_classifier(
    folder: Path, bias: list[float], *, random: bool = False, extra: dict[str, Any] | None = None
) -> None:
    """Save a sequence classifier over the same kind of encoder.

    ``bias`` has an entry a label and, unless ``random`` is set, is the logit of every input: the
    head's weights are 0. ``extra`` goes into the model's configuration.
    """
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(0)
    model = BertForSequenceClassification(_bert_config(num_labels=len(bias), **(extra or {})))
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor(bias))
        model.classifier.weight.mul_(1 if random else 0)
    model.save_pretrained(folder)
    _save_word_pieces(folder)


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


def _save_word_pieces(folder: Path) -> None:
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
