"""Judges and nodes against servers that behave as real ones do."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from transformers import PreTrainedTokenizerFast

from poq import kinds
from poq.endpoint.client import Client
from poq.endpoint.settings import EndpointSettings
from poq.errors import PoqError
from poq.evaluators import judge
from poq.generation import openai
from poq.generation.base import Completion, OutputLimits, Request, Serving, ServingSettings
from poq.prompting import PromptFormat
from tests.conftest import ROOT
from tests.unit.endpoint.behaviours import (
    BEHAVIOURS,
    LONG,
    NUMBERS,
    Behaviour,
    BehaviourServer,
    table,
)

FORMAT = PromptFormat("$context\nQ: $question\nA:", "c", "q", "a")
DOCUMENT = ROOT / "docs" / "servers.md"


def endpoint(server: BehaviourServer, folder: Path, **settings: Any) -> dict[str, Any]:
    return {
        "base_url": server.base_url,
        "model": "m",
        "api_key_variable": None,
        "concurrency": 1,
        "cache": str(folder / "cache"),
        "timeout": 5.0,
        "retries": 2,
        "backoff": 0.01,
        **settings,
    }


def grades(row: Behaviour, values: dict[str, Any]) -> list[Any]:
    """Return the grades of four outputs; None where one is missing."""
    settings = {"kind": "judge", "compares_with": "question+context", "endpoint": values}
    scorer = judge.load(judge.Settings.model_validate(settings), None, "cpu")
    targets = ["Which number?"] * 4
    if row.long:
        targets[2] = LONG
    found = scorer([f"answer {n}" for n in NUMBERS], targets)
    assert [reason is None for reason in found.missing] == list(~np.isnan(found.values))
    return [None if np.isnan(value) else int(value) for value in found.values]


def completions(row: Behaviour, values: dict[str, Any], **more: Any) -> list[Completion]:
    settings = {"kind": "openai", "endpoint": values, **more}
    limits = {"qa": OutputLimits(max_output_tokens=16, stop=("\n",))}
    serving = Serving(ServingSettings(max_input_tokens=9000), limits, {"qa": FORMAT}, seed=1)
    node = openai.load(openai.Settings.model_validate(settings), serving, None)
    contexts = ["A list of numbers."] * 4
    if row.long:
        contexts[2] = LONG
    asked = [
        Request(f"qa:{n}", "qa", f"Which number is {n}?", context)
        for n, context in zip(NUMBERS, contexts, strict=True)
    ]
    return [found for batch in node.batches(asked) for found in node.complete(batch)]


@pytest.mark.parametrize("row", BEHAVIOURS, ids=lambda row: f"{row.server}: {row.does}")
def test_what_we_do(row: Behaviour, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The outcome, the requests and the payments; and that a rerun sends nothing that is known."""
    server = BehaviourServer(row.respond)
    values = endpoint(server, tmp_path, **row.settings)

    def run() -> list[Any]:
        if row.who == "judge":
            return grades(row, values)
        return [found.output for found in completions(row, values)]

    with caplog.at_level(logging.WARNING):
        if isinstance(row.found, str):
            with pytest.raises(PoqError) as error:
                run()
            assert row.found in str(error.value)
        else:
            assert run() == row.found
    assert (len(server.bodies), server.billed) == (row.sent, row.paid)
    if "a warning names" in row.ours:
        for name in ("max_answer_tokens" if row.who == "judge" else "max_output_tokens", "enable_"):
            assert name in caplog.text
    spent = Client(EndpointSettings.model_validate(values), None).ledger.spent()
    assert spent.requests == row.paid
    if not isinstance(row.found, str):
        assert run() == row.found
        assert len(server.bodies) == row.sent


def row_of(server: str, who: str) -> Behaviour:
    return next(row for row in BEHAVIOURS if (row.server, row.who) == (server, who))


@pytest.mark.parametrize("server", ["vLLM", "TGI", "llama.cpp"])
def test_a_cut_context_is_recorded_and_nearly_fills_the_room(server: str, tmp_path: Path) -> None:
    row = row_of(server, "node")
    at = BehaviourServer(row.respond)
    found = completions(row, endpoint(at, tmp_path))
    assert [completion.input_truncated for completion in found] == [False, False, True, False]
    longest = max(len(body["messages"][0]["content"]) for body in at.bodies[-2:])
    room = 4 * (2048 - 16)
    assert 0.88 * room < longest <= 0.9 * room + 3


@pytest.fixture
def tokenizer(tmp_path: Path) -> Iterator[Path]:
    """A tokenizer of words, with a chat template of three tokens around a message."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    inside = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    inside.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(tokenizer_object=inside, unk_token="[UNK]")
    made.chat_template = "user : {{ messages[0]['content'] }} assistant"
    made.save_pretrained(tmp_path / "tokenizer")
    yield tmp_path / "tokenizer"


def test_a_tokenizer_cuts_before_anything_is_sent(tokenizer: Path, tmp_path: Path) -> None:
    row = row_of("TGI", "node")
    server = BehaviourServer(row.respond)
    values = endpoint(server, tmp_path)
    settings = {"kind": "openai", "endpoint": values, "tokenizer": str(tokenizer)}
    limits = {"qa": OutputLimits(max_output_tokens=16)}
    serving = Serving(ServingSettings(max_input_tokens=60), limits, {"qa": FORMAT}, seed=1)
    node = openai.load(openai.Settings.model_validate(settings), serving, None)
    (found,) = node.complete([Request("qa:7", "qa", "Which number is 7?", LONG)])
    assert (found.output, found.input_truncated) == ("It is 7.", True)
    assert len(server.bodies) == 1
    # 60 tokens less 3 of the chat template, "Q:", "A:" and 4 words of the question: 51 of context.
    context = server.bodies[0]["messages"][0]["content"].partition("\nQ:")[0]
    assert context == " ".join(LONG.split()[:51])
    short = node._body(Request("qa:7", "qa", "w " * 60, LONG), "", ())  # type: ignore[attr-defined]
    assert len(short["messages"][0]["content"].split()) == 62
    with pytest.raises(PoqError, match=r"prompt qa:7: the prompt without its context has more"):
        node.complete([Request("qa:7", "qa", "w " * 60, LONG)])


def test_a_prompt_that_the_server_cut_is_recorded(tokenizer: Path, tmp_path: Path) -> None:
    """Ollama: 2,000 words were sent, 120 tokens read."""
    row = row_of("Ollama", "node")
    for more, expected in ({"tokenizer": str(tokenizer)}, True), ({}, False):
        server = BehaviourServer(row.respond)
        found = completions(row, endpoint(server, tmp_path / str(expected)), **more)
        assert found[2].input_truncated is expected
        assert not any(found[n].input_truncated for n in (0, 1, 3))


def test_a_missing_tokenizer_is_reported_before_anything_is_asked(tmp_path: Path) -> None:
    values = {"kind": "openai", "endpoint": {"model": "m", "api_key_variable": None}}
    settings = openai.Settings.model_validate({**values, "tokenizer": str(tmp_path)})
    assert "holds no tokenizer.json" in str(openai.access_problem(settings))


def test_the_document_shows_the_table() -> None:
    assert table() in DOCUMENT.read_text()


EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split()[1])
def test_examples_are_valid(text: str) -> None:
    sections = yaml.safe_load(text)
    packages = {"inference_nodes": "poq.generation", "evaluators": "poq.evaluators"}
    assert sections.keys() <= packages.keys()
    for section, entries in sections.items():
        for entry in entries.values():
            assert kinds.settings(packages[section], entry).endpoint.model


def test_there_is_an_example_for_each_server() -> None:
    for command in ("vllm serve", "text-generation-launcher", "llama-server", "ollama serve"):
        assert sum(command in text for text in EXAMPLES) == 1
