"""The smallest model folders that the libraries accept, in the hub's layout: random weights.

:func:`save_stand_in` saves a model of the type, tokenizer, chat template and settings of a
published one, with sizes and vocabulary cut down and all that decides how it is loaded, given
its prompt and limited kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


PLAIN = "{%- for message in messages %}"
CHATML = (
    PLAIN + "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
)
ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}"
)
TEMPLATES = {
    "tinyllama": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
    "{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n"
    "{{ '<|system|>\n' + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
    "{% endfor %}",
    "qwen2": "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    + CHATML
    + "{%- endif %}",
    "qwen3": CHATML + "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}",
    "gemma": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    + ALTERNATE
    + "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
    "phi3": "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
    "llama3": "{{- bos_token }}{%- if not date_string is defined %}"
    "{%- if strftime_now is defined %}{%- set date_string = strftime_now('%d %b %Y') %}"
    "{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
    "{{- 'Cutting Knowledge Date: December 2023\\n' }}"
    "{{- 'Today Date: ' + date_string + '\\n\\n<|eot_id|>' }}{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}{%- endfor %}{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}",
    "mistral": "{{ bos_token }}{% for message in messages %}"
    + ALTERNATE
    + "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endfor %}",
}
"""Chat templates, shortened to what a conversation without tools uses."""
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "initializer_range": 1.0,
}
OUTWEIGHS = {"initializer_range": 0.2}
"""Gemma scales embeddings up: with larger ones it would repeat the last token of its prompt."""
MERGES = [("t", "h"), ("th", "e"), ("i", "n"), ("a", "n")]


class StandIn(NamedTuple):
    """What a stand-in has of the published model.

    ``config`` is its configuration without sizes, ``tokenizer`` saves a tokenizer of its class
    and returns it, ``generation`` is its generation_config.json.
    """

    model_type: str
    config: dict[str, Any]
    tokenizer: Callable[[], Any]
    generation: dict[str, Any] = {}  # noqa: RUF012
    auto_map: dict[str, str] = {}  # noqa: RUF012


def _byte_level(
    class_name: str,
    control: Sequence[str],
    template: str | None,
    plain: Sequence[str] = (),
    **names: Any,
) -> Callable[[], Any]:
    """Return a maker of a byte-level BPE tokenizer (GPT-2, Qwen, Llama 3)."""

    def make() -> Any:
        import transformers
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        merged = ["".join(pair) for pair in MERGES]
        vocabulary = {token: i for i, token in enumerate([*alphabet, *merged])}
        if class_name == "PreTrainedTokenizerFast":
            # Llama 3: whole words of the vocabulary are taken without merges.
            fast = Tokenizer(models.BPE(vocabulary, MERGES, ignore_merges=True))
            fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            fast.decoder = decoders.ByteLevel()
            fast.add_special_tokens([AddedToken(token, normalized=False) for token in control])
            bos = names["bos_token"]
            fast.post_processor = processors.TemplateProcessing(
                single=f"{bos} $A", special_tokens=[(bos, fast.token_to_id(bos))]
            )
            made = transformers.PreTrainedTokenizerFast(tokenizer_object=fast, **names)
        else:
            made = getattr(transformers, class_name)(vocabulary, MERGES, **names)
        made.add_tokens([AddedToken(t, special=True, normalized=False) for t in control])
        made.add_tokens([AddedToken(t, special=False, normalized=False) for t in plain])
        made.chat_template = template
        return made

    return make


def _pieces(
    class_name: str,
    first: Sequence[str],
    control: Sequence[str],
    template: str | None,
    **names: Any,
) -> Callable[[], Any]:
    """Return a maker of a SentencePiece-like BPE tokenizer with bytes (Llama, Gemma, Phi-3).

    ``first`` are the control tokens that begin the vocabulary, ``control`` those after its end.
    """

    def make() -> Any:
        import transformers
        from tokenizers import AddedToken

        letters = ["\u2581", *map(chr, range(33, 127))]
        merged = ["".join(pair) for pair in MERGES]
        octets = [f"<0x{i:02X}>" for i in range(256)]
        tokens = [*first, *octets, *letters, *merged]
        vocabulary = {token: i for i, token in enumerate(tokens)}
        made = getattr(transformers, class_name)(vocabulary, MERGES, **names)
        made.add_tokens([AddedToken(t, special=True, normalized=False) for t in control])
        made.chat_template = template
        return made

    return make


def _unigram() -> Any:
    from transformers import T5Tokenizer

    letters = ["\u2581", *map(chr, range(33, 127))]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -5.0)]
    return T5Tokenizer(vocab=[*special, *((letter, -2.0) for letter in letters)], extra_ids=4)


LLAMA = ["<unk>", "<s>", "</s>"]
PHI3 = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
LLAMA3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"]
CHATML_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
GEMMA_TURNS = ["<start_of_turn>", "<end_of_turn>"]
SAMPLED = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.1}

LANGUAGE_MODELS = {
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": StandIn(
        "llama",
        {"max_position_embeddings": 2048, "rope_theta": 10000.0, "tie_word_embeddings": False},
        _pieces("LlamaTokenizer", LLAMA, [], TEMPLATES["tinyllama"], pad_token="</s>"),
        {"max_length": 2048},
    ),
    "Qwen/Qwen2-1.5B-Instruct": StandIn(
        "qwen2",
        {
            "max_position_embeddings": 32768,
            "max_window_layers": 28,
            "sliding_window": 32768,
            "use_sliding_window": False,
            "rope_theta": 1000000.0,
            "tie_word_embeddings": True,
        },
        _byte_level("Qwen2Tokenizer", CHATML_TOKENS, TEMPLATES["qwen2"], eos_token="<|im_end|>"),
        {**SAMPLED, "eos_token_id": ["<|im_end|>", "<|endoftext|>"]},
    ),
    "google/gemma-2-2b-it": StandIn(
        "gemma2",
        {
            "max_position_embeddings": 8192,
            "sliding_window": 4096,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            "query_pre_attn_scalar": 256,
            **OUTWEIGHS,
            "hidden_activation": "gelu_pytorch_tanh",
            "cache_implementation": "hybrid",
        },
        _pieces("GemmaTokenizer", GEMMA, GEMMA_TURNS, TEMPLATES["gemma"]),
        {"cache_implementation": "hybrid", "eos_token_id": ["<eos>", "<end_of_turn>"]},
    ),
    "microsoft/Phi-3-mini-4k-instruct": StandIn(
        "phi3",
        {
            "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096,
            "rope_scaling": None,
            "sliding_window": 2047,
            "rope_theta": 10000.0,
            "attention_bias": False,
        },
        _pieces(
            "LlamaTokenizer", LLAMA, PHI3, TEMPLATES["phi3"],
            eos_token="<|endoftext|>", pad_token="<|endoftext|>",
        ),
        {"eos_token_id": ["<|endoftext|>", "<|assistant|>", "<|end|>"]},
        {
            "AutoConfig": "configuration_phi3.Phi3Config",
            "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM",
        },
    ),
    "meta-llama/Llama-3.2-3B-Instruct": StandIn(
        "llama",
        {
            "max_position_embeddings": 131072,
            "rope_scaling": {
                "factor": 32.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192,
                "rope_type": "llama3",
            },
            "rope_theta": 500000.0,
            "tie_word_embeddings": True,
        },
        _byte_level(
            "PreTrainedTokenizerFast", [*LLAMA3, "<|eot_id|>"], TEMPLATES["llama3"],
            bos_token="<|begin_of_text|>", eos_token="<|eot_id|>",
        ),
        {"do_sample": True, "eos_token_id": ["<|end_of_text|>", "<|eot_id|>"]},
    ),
    "Qwen/Qwen3-0.6B": StandIn(
        "qwen3",
        {"max_position_embeddings": 40960, "max_window_layers": 28, "sliding_window": None},
        _byte_level(
            "Qwen2Tokenizer", CHATML_TOKENS, TEMPLATES["qwen3"], ["<think>", "</think>"],
            eos_token="<|im_end|>",
        ),
        {**SAMPLED, "eos_token_id": ["<|im_end|>", "<|endoftext|>"]},
    ),
    "mistralai/Mistral-7B-Instruct-v0.1": StandIn(
        "mistral",
        {"max_position_embeddings": 32768, "sliding_window": 4096, "rope_theta": 10000.0},
        _pieces("LlamaTokenizer", LLAMA, [], TEMPLATES["mistral"]),
    ),
    "google/gemma-3-1b-it": StandIn(
        "gemma3_text",
        {
            "max_position_embeddings": 32768,
            "sliding_window": 512,
            "sliding_window_pattern": 2,
            "rope_local_base_freq": 10000,
            "rope_theta": 1000000,
            "query_pre_attn_scalar": 256,
            **OUTWEIGHS,
        },
        _pieces("GemmaTokenizer", GEMMA, GEMMA_TURNS, TEMPLATES["gemma"]),
        {"cache_implementation": "hybrid", "eos_token_id": ["<eos>", "<end_of_turn>"]},
    ),
    "openai-community/gpt2": StandIn(
        "gpt2",
        {"n_positions": 1024, "n_embd": 16, "n_layer": 2, "n_head": 2},
        _byte_level("GPT2Tokenizer", [], None),
    ),
    "google/flan-t5-small": StandIn(
        "t5",
        {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2,
         "feed_forward_proj": "gated-gelu", "is_encoder_decoder": True},
        lambda: _unigram(),
    ),
}  # fmt: skip
"""Stand-ins of language models, by repository."""
EVALUATOR_MODELS = (
    "cross-encoder/ms-marco-MiniLM-L6-v2",
    "cross-encoder/nli-deberta-v3-base",
    "sentence-transformers/stsb-distilroberta-base-v2",
)
"""Repositories of evaluators that have a stand-in."""


def save_stand_in(folder: Path, repository: str) -> None:
    """Save a stand-in of a published model, by the name of its repository."""
    import torch

    torch.manual_seed(3)
    if repository in LANGUAGE_MODELS:
        _save_language_stand_in(folder, LANGUAGE_MODELS[repository])
    elif repository == EVALUATOR_MODELS[0]:
        activation = {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}
        save_classifier(folder, [0.0], random=True, extra=activation)
    elif repository == EVALUATOR_MODELS[1]:
        _save_nli(folder)
    elif repository == EVALUATOR_MODELS[2]:
        _save_sentence_encoder(folder)
    else:
        raise KeyError(repository)


def _save_language_stand_in(folder: Path, of: StandIn) -> None:
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        GenerationConfig,
    )

    tokenizer = of.tokenizer()
    tokenizer.save_pretrained(folder)
    sizes = {} if of.model_type in ("gpt2", "t5") else SMALL
    config = AutoConfig.for_model(
        of.model_type,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **(sizes | of.config),
    )
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_config(config)
    generation = dict(of.generation)
    if ends := generation.get("eos_token_id"):
        generation["eos_token_id"] = tokenizer.convert_tokens_to_ids(ends)
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(folder)
    if of.auto_map:
        _change(folder / "config.json", auto_map=of.auto_map)


def _change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def _save_nli(folder: Path) -> None:
    """Save a DeBERTa v3 that classifies entailment, with relative positions and its labels."""
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification, DebertaV2Tokenizer

    letters = ["\u2581", *map(chr, range(33, 127))]
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    vocabulary = [(token, 0.0) for token in special] + [(letter, -2.0) for letter in letters]
    tokenizer = DebertaV2Tokenizer(vocab=vocabulary, model_max_length=512)
    tokenizer.save_pretrained(folder)
    labels = {0: "contradiction", 1: "entailment", 2: "neutral"}
    DebertaV2ForSequenceClassification(
        DebertaV2Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=512,
            type_vocab_size=0,
            relative_attention=True,
            max_relative_positions=-1,
            position_buckets=256,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            pos_att_type=["p2c", "c2p"],
            position_biased_input=False,
            pooler_hidden_size=16,
            initializer_range=0.5,
            id2label=labels,
            label2id={name: number for number, name in labels.items()},
        )
    ).save_pretrained(folder)


def _save_sentence_encoder(folder: Path) -> None:
    """Save a RoBERTa in the layout of sentence-transformers, which reads 75 tokens."""
    from tokenizers import pre_tokenizers
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merged = ["".join(pair) for pair in MERGES]
    vocabulary = {token: i for i, token in enumerate([*special, *alphabet, *merged, "<mask>"])}
    tokenizer = RobertaTokenizer(vocab=vocabulary, merges=MERGES, model_max_length=512)
    tokenizer.save_pretrained(folder)
    RobertaModel(
        RobertaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=514,
            type_vocab_size=1,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            initializer_range=0.5,
        )
    ).save_pretrained(folder)
    prefix = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{prefix}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{prefix}.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    limits = {"max_seq_length": 75, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limits))
    versions = {"sentence_transformers": "2.0.0", "transformers": "4.7.0", "pytorch": "1.9.0+cu102"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"__version__": versions}))
    (folder / "1_Pooling").mkdir()
    pooling = {
        "word_embedding_dimension": 16,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
