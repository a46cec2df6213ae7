from __future__ import annotations

import dataclasses
import json
import logging
import math
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq.errors import PoqError
from poq.generation.base import Completion, OutputLimits, Request, Serving, ServingSettings
from poq.generation.transformers import Settings, TransformersGenerator, _sampling
from tests.unit.generation.conftest import FORMAT

REQUESTS = [
    Request("qa:1", "qa", "c", "a"),
    Request("qa:2", "qa", "cd", "abcdef"),
    Request("qa:3", "qa", "c", "bb"),
    Request("s:1", "summarization", None, "abc"),
]


def generator(
    folder: Path,
    *,
    tokens: int = 6,
    stop: tuple[str, ...] = (),
    limit: int = 64,
    rows: int = 2,
    **node: Any,
) -> TransformersGenerator:
    settings = Settings(kind="transformers", model="tiny", precision="float32", **node)
    return TransformersGenerator(settings, serving_of(tokens, stop, limit, rows), folder)


def serving_of(
    tokens: int = 6, stop: tuple[str, ...] = (), limit: int = 64, rows: int = 2
) -> Serving:
    limits = OutputLimits(max_output_tokens=tokens, stop=stop)
    tasks = ("qa", "summarization")
    return Serving(
        settings=ServingSettings(batch_size=rows, batch_tokens=10**6, max_input_tokens=limit),
        limits=dict.fromkeys(tasks, limits),
        formats=dict.fromkeys(tasks, FORMAT),
        seed=1,
    )


def complete_all(node: TransformersGenerator) -> dict[str, Completion]:
    return {
        request.prompt_id: completion
        for batch in node.batches(REQUESTS)
        for request, completion in zip(batch, node.complete(batch), strict=True)
    }


@pytest.fixture(scope="module")
def greedy(tiny_model: Path) -> TransformersGenerator:
    return generator(tiny_model)


@given(order=st.permutations(REQUESTS))
def test_batches_hold_one_task_each_longest_first(
    greedy: TransformersGenerator, order: list[Request]
) -> None:
    # The example and the blank line have 13 characters, " Q:" and " A:" 6; qa:2 adds 2 + 6 of its
    # own (27), qa:3 1 + 2 (22), qa:1 1 + 1 (21). Of two batches, 27 | 22, 21 pads least.
    assert [[r.prompt_id for r in batch] for batch in greedy.batches(order)] == [
        ["qa:2"],
        ["qa:3", "qa:1"],
        ["s:1"],
    ]


def test_batches_keep_the_budget_of_tokens(tiny_model: Path) -> None:
    node = generator(tiny_model)
    small = node.serving.settings.model_copy(update={"batch_tokens": 55})
    node.serving = dataclasses.replace(node.serving, settings=small)
    # Two rows of 22 input and 6 output tokens are 56.
    assert [len(batch) for batch in node.batches(REQUESTS)] == [1, 1, 1, 1]


def test_padding_does_not_change_greedy_outputs(tiny_model: Path) -> None:
    node = generator(tiny_model)
    together = node.complete(REQUESTS[:3])
    alone = [node.complete([request])[0] for request in REQUESTS[:3]]
    assert together == alone
    assert len({completion.output for completion in alone}) > 1


def test_base_model_sees_the_worked_example(tiny_model: Path) -> None:
    # "ab Q:c A: d" has 11 characters, the blank line 2, the prompt "a Q:c A:" 8.
    assert complete_all(generator(tiny_model))["qa:1"].input_tokens == 21


def test_chat_template_replaces_the_worked_example(tiny_model: Path) -> None:
    node = generator(tiny_model)
    node.tokenizer.chat_template = "{{ messages[0]['content'] }} ."
    # "a Q:c A:" has 8 characters, the template adds a space and a full stop.
    assert node.complete(REQUESTS[:1])[0].input_tokens == 10


def test_greedy_has_no_seed_and_sampling_has_one(tiny_model: Path) -> None:
    greedy = complete_all(generator(tiny_model))
    hot = complete_all(generator(tiny_model, temperature=5.0))
    assert {completion.seed for completion in greedy.values()} == {None}
    assert len({completion.seed for completion in hot.values()}) == 4
    assert hot == complete_all(generator(tiny_model, temperature=5.0))
    assert [c.output for c in hot.values()] != [c.output for c in greedy.values()]


def test_what_is_sampled_does_not_depend_on_batches(tiny_model: Path) -> None:
    node = generator(tiny_model, temperature=5.0, top_p=0.9)
    together = node.complete(REQUESTS[:3])
    assert together == [node.complete([request])[0] for request in REQUESTS[:3]]
    assert together == node.complete(REQUESTS[2::-1])[::-1]


def test_samples_have_the_probabilities_of_the_logits() -> None:
    import torch

    settings = Settings(kind="transformers", model="tiny", temperature=2.0, top_p=0.8)
    # At temperature 2: weights 4, 2, 1, 1 of 8. The nucleus of 0.8 holds the least number of
    # tokens with that much, 4 + 2 + 1 of 8, so that 4/7, 2/7, 1/7, 0 remain.
    logits = 2 * torch.tensor([4.0, 2.0, 1.0, 0.999]).log()
    n = 4000
    rows = logits.repeat(n, 1)
    for process in _sampling(settings, range(n), "cpu"):
        rows = process(None, rows)
    shares = torch.bincount(rows.argmax(dim=1), minlength=4) / n
    # Four standard errors of a share of 4/7: 4 * sqrt(4/7 * 3/7 / 4000) = 0.031.
    assert shares.tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7, 0], abs=0.031)
    assert shares[3] == 0


def test_length_is_the_reason_where_nothing_else_ends(tiny_model: Path) -> None:
    node = generator(tiny_model)
    node.eos_ids = {0}
    for completion in node.complete(REQUESTS[:2]):
        if completion.finish_reason == "length":
            assert completion.output_tokens == 6
            break
    else:
        pytest.fail("no output ran to its limit")


def test_stop_string_ends_the_output_and_is_cut(tiny_model: Path) -> None:
    free = generator(tiny_model).complete(REQUESTS[:1])[0].output
    stop = free[3]
    stopped = generator(tiny_model, stop=(stop,)).complete(REQUESTS[:1])[0]
    kept = free[: free.index(stop)]
    assert stopped.output == kept.strip()
    assert stopped.finish_reason == "stop"
    # The stop string itself was generated too.
    assert stopped.output_tokens == len(kept) + 1


def test_white_space_before_the_first_word_ends_no_output(tiny_model: Path) -> None:
    node = generator(tiny_model, tokens=4, stop=(" ",))
    ids = node.tokenizer.convert_tokens_to_ids(["\u0120", "\u0120", "a", "b", "\u0120", "c"])
    completion = node._completion(ids, [1], False, (" ",), None)
    assert completion.output == "ab"
    assert completion.finish_reason == "stop"
    assert completion.output_tokens == 5


def test_end_of_sequence_is_counted_and_not_shown(tiny_model: Path) -> None:
    node = generator(tiny_model)
    free = node.complete(REQUESTS[:1])[0].output
    node.eos_ids = {node.tokenizer.convert_tokens_to_ids(free[3])}
    completion = node.complete(REQUESTS[:1])[0]
    assert completion.finish_reason == "eos"
    assert completion.output_tokens == free.index(free[3]) + 1


def test_long_context_is_cut_to_the_limit_and_marked(tiny_model: Path) -> None:
    # qa:2: example and blank line 13, "abcdef Q:cd A:" 14; the context loses 2 of its 6.
    completions = complete_all(generator(tiny_model, limit=25))
    assert completions["qa:2"].input_truncated
    assert completions["qa:2"].input_tokens == 25
    assert not completions["qa:1"].input_truncated


def test_prompt_that_cannot_fit_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(PoqError, match=r"qa:1.*expected at most 16; .*max_input_tokens \(16\)"):
        node = generator(tiny_model, limit=16)
        node.complete([REQUESTS[0]._replace(question="cdefg" * 3)])


def test_int8_differs_from_float(tiny_model: Path) -> None:
    node = TransformersGenerator(
        Settings(kind="transformers", model="tiny", precision="int8"),
        serving_of(),
        tiny_model,
    )
    assert any("quantized" in type(module).__module__ for module in node.model.modules())
    assert node.complete(REQUESTS[:1])[0].output_tokens


def test_folder_does_not_decide_how_a_node_decodes(tiny_model: Path, tmp_path: Path) -> None:
    penalized = shutil.copytree(tiny_model, tmp_path / "penalized")
    (penalized / "generation_config.json").write_text(
        json.dumps({"eos_token_id": 2, "repetition_penalty": 9.0, "do_sample": True})
    )
    assert complete_all(generator(penalized)) == complete_all(generator(tiny_model))


def test_chat_template_is_told_the_configured_day(tiny_model: Path) -> None:
    node = generator(tiny_model)
    node.tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}{{ messages[0]['content'] }}"
    node.tokenizer.backend_tokenizer.add_tokens(["01 Jan 2025"])
    ids, _ = node._input_ids(REQUESTS[0])
    assert node.tokenizer.convert_ids_to_tokens(ids)[0] == "01 Jan 2025"


def test_top_p_without_sampling_is_refused() -> None:
    with pytest.raises(ValueError, match="no top_p at temperature 0"):
        Settings(kind="transformers", model="tiny", top_p=0.9)


def test_attention_is_as_configured(tiny_model: Path) -> None:
    for attention in ("sdpa", "eager"):
        node = generator(tiny_model, attention=attention)
        assert node.model.config._attn_implementation == attention


def test_flash_attention_that_is_missing_is_told_before_loading(tmp_path: Path) -> None:
    from transformers.utils import is_flash_attn_2_available

    if is_flash_attn_2_available():
        pytest.skip("flash-attn and a CUDA device are there")
    settings = Settings(kind="transformers", model="tiny", attention="flash_attention_2")
    # The folder is empty: loading it would fail in another way.
    with pytest.raises(PoqError, match=r"model tiny: .*package flash-attn.*set attention: auto"):
        TransformersGenerator(settings, serving_of(), tmp_path)


def test_flash_attention_needs_half_precision() -> None:
    with pytest.raises(ValueError, match="expected precision auto, bfloat16 or"):
        Settings(kind="transformers", model="m", precision="int8", attention="flash_attention_2")


@contextmanager
def address_space(mebibytes: int) -> Iterator[None]:
    """Let this process allocate so much more and no more."""
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) for line in status.splitlines() if "VmSize" in line)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, ((used + mebibytes * 1024) * 1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_batch_that_does_not_fit_into_memory_is_generated_in_parts(
    tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [Request(f"qa:{i}", "qa", "a", "abcdefg" * 80 + "a" * i) for i in range(48)]
    node = generator(tiny_model, limit=700, tokens=3, attention="eager", temperature=3.0)
    expected = node.complete(requests)
    assert node.memory.tokens == math.inf
    # Attention of 48 rows takes 48 * 2 heads * 630^2 * 4 bytes = 152 MB for scores alone.
    with address_space(64), caplog.at_level(logging.WARNING):
        found = node.complete(requests)
    assert "48 prompts of 630 tokens do not fit into memory; going on with 24" in caplog.text
    assert found == expected
    # What works is remembered: at least one batch was halved, and none is tried as large again.
    assert node.memory.rows(630) <= 24


def test_prompt_that_does_not_fit_into_memory_is_named(tiny_model: Path) -> None:
    node = generator(tiny_model, limit=5000, tokens=3, attention="eager")
    request = Request("qa:7", "qa", "a", "abcdefg" * 600)
    # 2 heads * 4,221^2 * 4 bytes = 143 MB.
    message = r"qa:7: 4220 input tokens and up to 3 output tokens .*lower serving.max_input_tokens"
    with address_space(32), pytest.raises(PoqError, match=message):
        node.complete([request])


def test_other_errors_are_not_taken_for_a_lack_of_memory(tiny_model: Path) -> None:
    node = generator(tiny_model)
    node.model.lm_head = None
    with pytest.raises(TypeError):
        node.complete(REQUESTS[:2])


def test_size_is_that_of_the_weights_as_they_are_served(tiny_model: Path) -> None:
    # 15 tokens of 16: embedding and head 240 each; a layer: 4 * 16 * 16 attention, 3 * 16 * 32
    # feed-forward, 2 * 16 norms = 2,592; two of them and the last norm: 5,200. In all 5,680.
    assert generator(tiny_model).size() == (5680, 4 * 5680)
    settings = Settings(kind="transformers", model="tiny", precision="int8")
    quantized = TransformersGenerator(settings, serving_of(), tiny_model)
    # One byte for the head and what is not norms (2 * 2,560); embedding and 80 of norms stay.
    assert quantized.size() == (5680, 240 + 2 * 2560 + 4 * (240 + 80))


@pytest.mark.parametrize(("native", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_precision_is_that_of_the_processor(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    native: bool,
    chosen: str,
) -> None:
    monkeypatch.setattr("poq.hardware.native_bfloat16", lambda: native)
    settings = Settings(kind="transformers", model="tiny")
    node = TransformersGenerator(settings, serving_of(), tiny_model)
    assert node.served == (chosen, "sdpa")
    assert str(node.model.dtype) == f"torch.{chosen}"
    assert caplog.records == []
    assert node.complete(REQUESTS[:1])[0].output_tokens


@pytest.mark.parametrize(("native", "warnings"), [(True, 0), (False, 1)])
def test_bfloat16_that_is_emulated_gets_one_warning(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    native: bool,
    warnings: int,
) -> None:
    monkeypatch.setattr("poq.hardware.native_bfloat16", lambda: native)
    settings = Settings(kind="transformers", model="tiny", precision="bfloat16")
    node = TransformersGenerator(settings, serving_of(), tiny_model)
    node.complete(REQUESTS[:1])
    assert node.served.precision == "bfloat16"
    assert len(caplog.records) == warnings
    assert all("3 to 6 times slower than float32" in r.message for r in caplog.records)


def test_int8_and_float_are_recorded(tiny_model: Path) -> None:
    settings = Settings(kind="transformers", model="tiny", precision="int8")
    assert TransformersGenerator(settings, serving_of(), tiny_model).served == ("int8", "sdpa")
    assert generator(tiny_model, attention="eager").served == ("float32", "eager")


def test_device_map_needs_a_cuda_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poq.hardware.device", lambda: "cpu")
    settings = Settings(kind="transformers", model="tiny", device_map="auto")
    # The folder is empty: loading it would fail in another way.
    with pytest.raises(PoqError, match=r"model tiny: device_map: auto needs a CUDA device .*cpu"):
        TransformersGenerator(settings, serving_of(), tmp_path)


def test_device_map_is_passed_on_and_inputs_follow_the_model(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accelerate places a model on the CPU as it does on GPUs; it may not be moved after that."""
    from transformers import AutoModelForCausalLM

    asked = []
    whole = AutoModelForCausalLM.from_pretrained

    def from_pretrained(*arguments: Any, **options: Any) -> Any:
        asked.append(options["device_map"])
        model = whole(*arguments, **options)
        monkeypatch.setattr(model, "to", None)
        return model

    monkeypatch.setattr("poq.generation.transformers._check_device", lambda *_: None)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    node = generator(tiny_model, device_map="auto")
    assert asked == ["auto"]
    assert node.device == str(node.model.device)
    assert node.complete(REQUESTS[:2])[0].output_tokens


def test_device_map_and_int8_are_not_for_one_device() -> None:
    with pytest.raises(ValueError, match="expected no device_map at precision int8"):
        Settings(kind="transformers", model="m", precision="int8", device_map="auto")
