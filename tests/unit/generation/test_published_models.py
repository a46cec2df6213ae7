"""What published models need of the transformers backend, on stand-ins of their real types."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poq.errors import PoqError
from poq.generation.base import OutputLimits, Request, Serving, ServingSettings
from poq.generation.transformers import Settings, TransformersGenerator, positions
from poq.prompting import PromptFormat
from tests.tiny_models import LANGUAGE_MODELS

FORMAT = PromptFormat("$context\nQ: $question\nA:", "ab", "c", "d")
TINYLLAMA, QWEN2, GEMMA2, PHI3, LLAMA3, QWEN3, MISTRAL, GEMMA3, GPT2, T5 = LANGUAGE_MODELS
DECODERS = [name for name in LANGUAGE_MODELS if name != T5]
StandIn = Callable[[str], Path]


def load(
    folder: Path, *, limit: int = 2048, tokens: int = 128, **node: Any
) -> TransformersGenerator:
    serving = Serving(
        ServingSettings(max_input_tokens=limit),
        {"qa": OutputLimits(max_output_tokens=tokens)},
        {"qa": FORMAT},
        1,
    )
    settings = Settings(
        **{"kind": "transformers", "model": folder.name, "precision": "float32"} | node
    )
    return TransformersGenerator(settings, serving, folder)


def ask(context: str, question: str = "Why?") -> Request:
    return Request("qa:1", "qa", question, context)


def controls(node: TransformersGenerator, request: Request) -> list[str]:
    """Return the control tokens of a request's input, in order."""
    ids, _ = node._input_ids(request)
    added = node.tokenizer.get_added_vocab()
    return [token for token in node.tokenizer.convert_ids_to_tokens(ids) if token in added]


@pytest.mark.parametrize("repository", DECODERS)
def test_batch_of_unequal_lengths_is_answered_as_each_alone(
    stand_in: StandIn, repository: str
) -> None:
    node = load(stand_in(repository), tokens=6)
    bridge = "The Blue Heron Bridge was opened in 1932 by Mayor Clara Voss. "
    requests = [ask(bridge * 3, "Who opened it?"), ask("Ice floats."), ask("", "^"), ask("[=9]")]
    together = node.complete(requests)
    assert together == [node.complete([request])[0] for request in requests]
    assert len({done.output for done in together}) > 1


@pytest.mark.parametrize(
    ("repository", "chosen"),
    [(GEMMA2, "eager"), *((name, "sdpa") for name in DECODERS if name != GEMMA2)],
)
def test_attention_is_chosen_for_the_model_and_recorded(
    stand_in: StandIn, repository: str, chosen: str
) -> None:
    assert load(stand_in(repository)).served == ("float32", chosen)


def test_attention_that_a_model_lacks_is_refused_before_its_weights_are_read(
    stand_in: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "gemma-2-2b-it"
    shutil.copytree(stand_in(GEMMA2), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    message = (
        r"model gemma-2-2b-it: Gemma2ForCausalLM does not support attention sdpa; expected auto or "
        r"one of eager, flash_attention_2"
    )
    with pytest.raises(PoqError, match=message):
        load(folder, attention="sdpa")


def test_encoder_decoder_is_refused_by_name(stand_in: StandIn) -> None:
    message = r"model flan-t5-small: found an encoder-decoder \(model_type t5\); .*decoder-only"
    with pytest.raises(PoqError, match=message):
        load(stand_in(T5))


@pytest.mark.parametrize("model_type", ["bert", "roberta", "deberta-v2"])
def test_encoder_is_refused_by_name(tmp_path: Path, model_type: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(PoqError, match=rf"no causal language model \(model_type {model_type}\)"):
        load(tmp_path)


def test_architecture_that_transformers_lacks_is_an_error(tmp_path: Path) -> None:
    own = {"model_type": "own", "auto_map": {"AutoConfig": "modeling_own.Config"}}
    for values in (own, {"model_type": "own"}):
        (tmp_path / "config.json").write_text(json.dumps(values))
        with pytest.raises(PoqError, match=r"config\.json is of no architecture that transformers"):
            load(tmp_path)


@pytest.mark.parametrize(("repository", "left"), [(TINYLLAMA, 2048 - 128), (GPT2, 1024 - 128)])
def test_input_leaves_positions_for_the_output(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture, repository: str, left: int
) -> None:
    with caplog.at_level(logging.WARNING, "poq"):
        node = load(stand_in(repository))
    (record,) = caplog.records
    assert (
        f"serving.max_input_tokens: 2048, to leave room for outputs (qa {left})" in record.message
    )
    node.eos_ids = set()
    (long, short) = node.complete([ask("The cat sat. " * 200), ask("cat")])
    assert (long.input_tokens, long.output_tokens, long.input_truncated) == (left, 128, True)
    assert not short.input_truncated


@pytest.mark.parametrize(
    ("repository", "expected"),
    [(QWEN2, 32768), (GEMMA2, 8192), (PHI3, 4096), (LLAMA3, 131072), (MISTRAL, 32768)],
)
def test_sliding_windows_and_scaled_positions_are_no_limit(
    stand_in: StandIn, repository: str, expected: int
) -> None:
    from transformers import AutoConfig

    assert positions(AutoConfig.from_pretrained(stand_in(repository))) == expected


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        # Qwen2.5: 32,768 positions, and a factor for more.
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131072),
        ({"rope_type": "linear", "factor": 2.0}, 65536),
        ({"rope_type": "dynamic", "factor": 1.5}, 49152),
        (None, 32768),
    ],
)
def test_positions_reach_as_far_as_their_scaling(
    scaling: dict[str, Any] | None, expected: int
) -> None:
    from transformers import Qwen2Config

    config = Qwen2Config(max_position_embeddings=32768, rope_scaling=scaling)
    assert positions(config) == expected


def test_model_without_positions_takes_any_length() -> None:
    from transformers import BloomConfig

    assert positions(BloomConfig()) is None


def test_output_that_leaves_no_position_for_the_input_is_refused(stand_in: StandIn) -> None:
    message = (
        r"model gpt2: tasks\.qa\.max_output_tokens is 1024; expected less than .* 1024 positions"
    )
    with pytest.raises(PoqError, match=message):
        load(stand_in(GPT2), tokens=1024)


@pytest.mark.parametrize("repository", DECODERS)
def test_control_tokens_of_a_context_are_plain_text(stand_in: StandIn, repository: str) -> None:
    node = load(stand_in(repository))
    hostile = "a " + " b ".join([*node.tokenizer.get_added_vocab(), "<think>"]) + " c"
    assert controls(node, ask(hostile, hostile)) == controls(node, ask("a b c", "d"))
    # It is still there, as text.
    ids, _ = node._input_ids(ask(hostile))
    assert hostile in node.tokenizer.decode(ids)


def test_template_keeps_its_own_control_tokens(stand_in: StandIn) -> None:
    node = load(stand_in(QWEN2))
    turn = ["<|im_start|>", "<|im_end|>"]
    assert controls(node, ask("<|im_end|>")) == [*turn, *turn, "<|im_start|>"]
    assert controls(load(stand_in(PHI3)), ask("</s>")) == ["<|user|>", "<|end|>", "<|assistant|>"]


def test_control_token_that_plain_text_gives_too_is_broken_up(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """SentencePiece's unigrams may hold a control token as a piece like any other."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [(chr(code), -2.0) for code in range(33, 127)]
    pieces = [("<unk>", -9.0), ("</s>", -1.0), ("\u2581", -2.0), *letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    folder = shutil.copytree(stand_in(TINYLLAMA), tmp_path / "unigram")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        eos_token="</s>",
        chat_template=load(folder).tokenizer.chat_template,
    ).save_pretrained(folder)
    node = load(folder)
    ids, _ = node._input_ids(ask("a </s> b"))
    assert ids.count(node.tokenizer.eos_token_id) == 1  # the template's own
    text = "".join(node.tokenizer.convert_ids_to_tokens(ids))
    assert "a\u2581<\u2581/s>\u2581b" in text


def test_context_of_control_tokens_alone_is_cut_to_fit(stand_in: StandIn) -> None:
    node = load(stand_in(QWEN2), limit=100)
    # 11 characters each, so that 90 tokens stand for some 1,000.
    ids, truncated = node._input_ids(ask("<|im_start|>" * 90))
    assert truncated
    assert len(ids) <= 100


def test_template_that_refuses_a_system_turn_is_given_none(stand_in: StandIn) -> None:
    ids, _ = load(stand_in(GEMMA2))._input_ids(ask("Ice."))
    text = load(stand_in(GEMMA2)).tokenizer.decode(ids)
    expected = "<bos><start_of_turn>user\nIce.\nQ: Why?\nA:<end_of_turn>\n<start_of_turn>model\n"
    assert text == expected


def test_template_is_given_the_configured_day(stand_in: StandIn) -> None:
    node = load(stand_in(LLAMA3))
    ids, _ = node._input_ids(ask("Ice."))
    assert "Today Date: 01 Jan 2025\n" in node.tokenizer.decode(ids)
    dated = load(stand_in(LLAMA3), chat_template_kwargs={"date_string": "4 May 1912"})
    assert "Today Date: 4 May 1912\n" in dated.tokenizer.decode(dated._input_ids(ask("Ice."))[0])


def test_template_variables_are_passed_on(stand_in: StandIn) -> None:
    thinking = load(stand_in(QWEN3))
    answering = load(stand_in(QWEN3), chat_template_kwargs={"enable_thinking": False})
    end = "<|im_start|>assistant\n"
    assert thinking.tokenizer.decode(thinking._input_ids(ask("a"))[0]).endswith(end)
    closed = end + "<think>\n\n</think>\n\n"
    assert answering.tokenizer.decode(answering._input_ids(ask("a"))[0]).endswith(closed)


@pytest.mark.parametrize(
    ("repository", "name", "message"),
    [
        (QWEN3, "enable_thinkng", r"has enable_thinkng; expected variables .*\(enable_thinking\)"),
        (QWEN3, "tokenize", "has tokenize; expected variables"),
        (QWEN3, "messages", "has messages; expected variables"),
        (GPT2, "enable_thinking", r"has enable_thinking; expected variables .*\(none\)"),
    ],
)
def test_variable_that_the_template_lacks_is_refused(
    stand_in: StandIn, repository: str, name: str, message: str
) -> None:
    with pytest.raises(PoqError, match=message):
        load(stand_in(repository), chat_template_kwargs={name: False})


def test_template_that_refuses_a_user_is_an_error(stand_in: StandIn, tmp_path: Path) -> None:
    folder = shutil.copytree(stand_in(GEMMA2), tmp_path / "odd")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('No users here') }}")
    with pytest.raises(PoqError, match=r"model odd: its chat template refuses .*No users here"):
        load(folder)


def completion(node: TransformersGenerator, text: str, stop: tuple[str, ...] = ()) -> Any:
    ids = node.tokenizer(text, add_special_tokens=False)["input_ids"]
    return node._completion([*ids, *node.eos_ids][: len(ids) + 1], [1], False, stop, None)


def test_reasoning_is_no_part_of_the_output_and_meets_no_stop_string(stand_in: StandIn) -> None:
    node = load(stand_in(QWEN3))
    text = "<think>\nIn France.\n</think>\n\nParis\nQ: Who?"
    done = completion(node, text, stop=("\n",))
    assert (done.output, done.finish_reason) == ("Paris", "stop")
    # The stop string's token is the last that counts.
    before = "<think>\nIn France.\n</think>\n\nParis\n"
    assert done.output_tokens == len(node.tokenizer(before)["input_ids"])


def test_output_that_was_cut_while_it_reasoned_is_empty(stand_in: StandIn) -> None:
    node = load(stand_in(QWEN3))
    ids = node.tokenizer("<think>\nIn Fra")["input_ids"]
    done = node._completion(ids, [1], False, (), None)
    assert (done.output, done.finish_reason, done.output_tokens) == ("", "length", len(ids))


def test_reasoning_that_the_template_begins_is_no_output(stand_in: StandIn, tmp_path: Path) -> None:
    folder = shutil.copytree(stand_in(QWEN3), tmp_path / "thinker")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text() + "{{- '<think>\\n' }}")
    assert completion(load(folder), "In France.</think>Paris").output == "Paris"
    assert completion(load(folder), "In Fra").output == ""
    assert completion(load(stand_in(QWEN3)), "In Fra").output == "In Fra"
