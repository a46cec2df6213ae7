"""The paper's language models without their weights: published shapes, random numbers.

What a model computes depends on its weights; how long that takes and how much memory it needs
hardly does. A folder made here holds a published architecture and a tokenizer of as many words as
its vocabulary, so that a text of n words has n tokens; :func:`random_weights` draws the weights on
the device. Everything else is the workflow's own code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from poq import hardware
from poq.generation.base import Request
from poq.streams import stream

# What decides shape and speed in the config.json of each repository on the Hugging Face hub.
SHAPES: dict[str, dict[str, Any]] = {
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": {
        "model_type": "llama",
        "vocab_size": 32000,
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
    },
    "Qwen/Qwen2-1.5B-Instruct": {
        "model_type": "qwen2",
        "vocab_size": 151936,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "use_sliding_window": False,
        "tie_word_embeddings": True,
    },
    "google/gemma-2-2b-it": {
        "model_type": "gemma2",
        "vocab_size": 256000,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "sliding_window": 4096,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "query_pre_attn_scalar": 256,
        "hidden_activation": "gelu_pytorch_tanh",
        "tie_word_embeddings": True,
    },
    "microsoft/Phi-3-mini-4k-instruct": {
        "model_type": "phi3",
        "vocab_size": 32064,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "sliding_window": 2047,
        "tie_word_embeddings": False,
    },
    "meta-llama/Llama-3.2-3B-Instruct": {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 28,
        "num_attention_heads": 24,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "tie_word_embeddings": True,
    },
}

# Deciles, least to most, of the contexts' lengths in tokens of Llama 2: 1,000 passages of SQuAD,
# 100 articles of CNN/DailyMail.
LENGTHS = {
    "qa": (40, 110, 129, 143, 157, 171, 188, 205, 225, 269, 493),
    "summarization": (296, 483, 596, 677, 738, 871, 961, 1035, 1268, 1516, 2399),
}
QUESTION = 13  # tokens of the median question of SQuAD


def shape(repository: str, scale: float = 1.0) -> dict[str, Any]:
    """Return the config.json of a repository of :data:`SHAPES`.

    Args:
        repository: owner/name on the hub.
        scale: below 1, a model of the same architecture with that share of layers, heads, width
            and vocabulary, for a try on a small machine.
    """
    # Words 0 and 1 of the vocabulary: the end of a text, and what the tokenizer does not know.
    values = SHAPES[repository] | {"eos_token_id": 0, "pad_token_id": 0, "bos_token_id": None}
    if scale == 1:
        return values
    groups = values["num_attention_heads"] // values["num_key_value_heads"]
    key_value_heads = max(1, round(scale * values["num_key_value_heads"]))
    heads = groups * key_value_heads
    return values | {
        "num_key_value_heads": key_value_heads,
        "num_attention_heads": heads,
        "hidden_size": values["hidden_size"] * heads // values["num_attention_heads"],
        "intermediate_size": max(64, round(scale * values["intermediate_size"])),
        "num_hidden_layers": max(2, round(scale * values["num_hidden_layers"])),
        "vocab_size": max(1000, round(scale * values["vocab_size"])),
    }


def save_folder(folder: Path, values: Mapping[str, Any]) -> None:
    """Save a model's configuration and a tokenizer of words: all of a model folder but weights."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(words(values["vocab_size"]))}
    end, unknown, *_ = vocabulary
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token=end,
        unk_token=unknown,
        chat_template="{{ messages[0]['content'] }}",
    ).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


def words(size: int) -> list[str]:
    """Return the words of a vocabulary, in the order of their numbers."""
    return ["<end>", "<unknown>", *(f"w{number}" for number in range(2, size))]


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Draw weights, on the device and at the precision asked for, where they would be read.

    Tokenizers are read as they were saved; transformers itself reads that of a Qwen2 as byte pairs,
    whatever its folder holds.
    """
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        PreTrainedTokenizerFast,
    )

    def draw(folder: Path, *, dtype: Any, attn_implementation: str | None = None, **_: Any) -> Any:
        torch.manual_seed(seed)
        with torch.device(hardware.device()):
            return AutoModelForCausalLM.from_config(
                AutoConfig.from_pretrained(folder, local_files_only=True),
                dtype=dtype,
                attn_implementation=attn_implementation,
            )

    as_saved = PreTrainedTokenizerFast.from_pretrained
    with (
        mock.patch.object(AutoModelForCausalLM, "from_pretrained", draw),
        mock.patch.object(AutoTokenizer, "from_pretrained", as_saved),
    ):
        yield


def attention_of(values: Mapping[str, Any]) -> str:
    """Return the attention that transformers chooses for a configuration: sdpa where it has it."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**values)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, attn_implementation=None)
    return str(model.config._attn_implementation)


def random_requests(size: int, each: int, tasks: Iterable[str], seed: int) -> list[Request]:
    """Return requests of random words, as long as those of the paper's data sets.

    Args:
        size: words of the vocabulary.
        each: requests of each task; their contexts have evenly spaced quantiles of
            :data:`LENGTHS`, in random order.
        tasks: keys of :data:`LENGTHS`.
        seed: of words and order.
    """
    known = np.array(words(size))
    requests = []
    for task in tasks:
        rng = stream(seed, "random requests", task)
        levels = (np.arange(each) + 0.5) / each
        lengths = np.interp(levels, np.linspace(0, 1, len(LENGTHS[task])), LENGTHS[task])
        for number, length in enumerate(rng.permutation(lengths.round().astype(int))):
            question, context = (
                " ".join(known[rng.integers(2, size, count)]) for count in (QUESTION, length)
            )
            asked = question if task == "qa" else None
            requests.append(Request(f"{task}-{number}", task, asked, context))
    return requests
