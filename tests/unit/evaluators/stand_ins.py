"""Encoders with random weights that are built as published ones: type, tokenizer, lengths.

``roberta`` is sentence-transformers/stsb-distilroberta-base-v2 (75 tokens of 512, of 514 rows of
positions), ``bert`` all-MiniLM-L6-v2 (256 of 512; its tokenizer.json cuts at 128 by itself),
``deberta-v2`` cross-encoder/nli-deberta-v3-base (512, relative positions). Vocabularies are tiny:
a word of :data:`WORDS` is one token, in a sentence, and any other letter is one.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Literal

Kind = Literal["bert", "roberta", "deberta-v2"]
WORDS = ["the", "cat", "dog", "sat", "ran", "1"]
LETTERS = f"{ascii_lowercase}1"
MAX_SEQ_LENGTH = {"bert": 256, "roberta": 75, "deberta-v2": 512}
NLI = {0: "contradiction", 1: "entailment", 2: "neutral"}
"""Labels of cross-encoder/nli-deberta-v3-base."""
NLI_ENTAILMENT_FIRST = {0: "entailment", 1: "neutral", 2: "contradiction"}
"""Labels of MoritzLaurer/DeBERTa-v3-base-mnli-fever-anli and its relatives."""
SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.5,  # so that different texts differ visibly
}


def tokenizer(kind: Kind) -> Any:
    """Return the kind's own class of tokenizer."""
    from transformers import BertTokenizer, DebertaV2Tokenizer, RobertaTokenizer

    if kind == "bert":
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *":.?", *ascii_lowercase]
        pieces += [f"##{letter}" for letter in LETTERS]
        return BertTokenizer({piece: i for i, piece in enumerate(pieces)}, model_max_length=512)
    if kind == "roberta":
        # "Ġ" is the byte-level name of a space, a part of the word that it is before.
        merges, pieces = [], ["<s>", "<pad>", "</s>", "<unk>", *"Ġ:.?Ċ", *LETTERS]
        for word in WORDS:
            left = "Ġ"
            for i in range(len(word)):
                merges.append(f"{left} {word[i]}")
                left += word[i]
        pieces += [merge.replace(" ", "") for merge in dict.fromkeys(merges)]
        vocabulary = {piece: i for i, piece in enumerate([*pieces, "<mask>"])}
        rules = [tuple(merge.split()) for merge in dict.fromkeys(merges)]
        return RobertaTokenizer(vocabulary, rules, model_max_length=512)
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    scored = [(piece, 0.0) for piece in special]
    scored += [(f"▁{word}", -1.0) for word in WORDS]
    scored += [(letter, -9.0) for letter in f"▁:.?{LETTERS}"]
    return DebertaV2Tokenizer(scored, model_max_length=512)


def config(kind: Kind, vocabulary: int, **values: Any) -> Any:
    """Return the kind's configuration with the published positions."""
    from transformers import BertConfig, DebertaV2Config, RobertaConfig

    sized = {**SIZE, "vocab_size": vocabulary, **values}
    if kind == "bert":
        return BertConfig(max_position_embeddings=512, **sized)
    if kind == "roberta":
        return RobertaConfig(
            max_position_embeddings=514, type_vocab_size=1,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, **sized,
        )  # fmt: skip
    return DebertaV2Config(
        max_position_embeddings=512, max_relative_positions=-1, relative_attention=True,
        position_buckets=256, position_biased_input=False, pos_att_type=["p2c", "c2p"],
        type_vocab_size=0, norm_rel_ebd="layer_norm", share_att_key=True, pad_token_id=0, **sized,
    )  # fmt: skip


def save_bi_encoder(
    folder: Path,
    kind: Kind,
    *,
    prompts: dict[str, str] | None = None,
    default_prompt_name: str | None = None,
    max_seq_length: int | None = None,
) -> Path:
    """Save a sentence-transformers folder: the encoder, then the mean over tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoModel

    own = tokenizer(kind)
    torch.manual_seed(0)
    AutoModel.from_config(config(kind, len(own))).save_pretrained(folder / "plain")
    own.save_pretrained(folder / "plain")
    SentenceTransformer(
        modules=[Transformer(str(folder / "plain")), Pooling(16, "mean")],
        prompts=prompts,
        default_prompt_name=default_prompt_name,
    ).save(str(folder))
    # As the published folders have it: the length stands with the model, not with its tokenizer.
    lengths = {"max_seq_length": max_seq_length or MAX_SEQ_LENGTH[kind], "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(lengths))
    if kind == "bert":
        path = folder / "tokenizer.json"
        values = json.loads(path.read_text())
        values["truncation"] = {
            "direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0,
        }  # fmt: skip
        path.write_text(json.dumps(values))
    return folder


def save_classifier(folder: Path, kind: Kind, labels: dict[int, str], **logits: float) -> Path:
    """Save a sequence classifier; ``logits`` by label are those of every input, if there are any.

    Without them, the head's weights are random.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    own = tokenizer(kind)
    own.save_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(
        config(kind, len(own), id2label=labels, label2id={n: i for i, n in labels.items()})
    )
    if logits:
        head = model.classifier
        with torch.no_grad():
            head.weight.zero_()
            head.bias.copy_(torch.tensor([logits[labels[i]] for i in range(len(labels))]))
    model.save_pretrained(folder)
    return folder
