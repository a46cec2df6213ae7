from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from poq.errors import PoqError
from poq.generation.base import Completion, OutputLimits, Request, Serving, ServingSettings
from poq.generation.transformers import Settings, TransformersGenerator
from tests.unit.generation.conftest import FORMAT

REQUESTS = [
    Request("qa:1", "qa", "c", "a"),
    Request("qa:2", "qa", "cd", "abcdef"),
    Request("qa:3", "qa", "c", "bb"),
    Request("s:1", "summarization", None, "abc"),
]


def generator(
    folder: Path, *, tokens: int = 6, stop: tuple[str, ...] = (), limit: int = 64, **node: Any
) -> TransformersGenerator:
    settings = Settings(kind="transformers", model="tiny", precision="float32", **node)
    limits = OutputLimits(max_output_tokens=tokens, stop=stop)
    tasks = ("qa", "summarization")
    serving = Serving(
        settings=ServingSettings(batch_size=2, max_input_tokens=limit),
        limits=dict.fromkeys(tasks, limits),
        formats=dict.fromkeys(tasks, FORMAT),
        seed=1,
    )
    return TransformersGenerator(settings, serving, folder)


def complete_all(node: TransformersGenerator) -> dict[str, Completion]:
    return {
        request.prompt_id: completion
        for batch in node.batches(REQUESTS)
        for request, completion in zip(batch, node.complete(batch), strict=True)
    }


def test_batches_hold_one_task_each_longest_first(tiny_model: Path) -> None:
    batches = generator(tiny_model).batches(REQUESTS)
    # Input lengths of qa: 2 has 6 + 2 words of its own, 3 has 2 + 1, 1 has 1 + 1.
    assert [[r.prompt_id for r in batch] for batch in batches] == [
        ["qa:2", "qa:3"],
        ["qa:1"],
        ["s:1"],
    ]


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
    # One seed a batch: {qa:2, qa:3}, {qa:1}, {s:1}.
    assert len({completion.seed for completion in hot.values()}) == 3
    assert hot == complete_all(generator(tiny_model, temperature=5.0))
    assert [c.output for c in hot.values()] != [c.output for c in greedy.values()]


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
    with pytest.raises(PoqError, match=r"qa:1.*max_input_tokens=16"):
        node = generator(tiny_model, limit=16)
        node.complete([REQUESTS[0]._replace(question="cdefg" * 3)])


def test_int8_differs_from_float(tiny_model: Path) -> None:
    node = TransformersGenerator(
        Settings(kind="transformers", model="tiny", precision="int8"),
        generator(tiny_model).serving,
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
