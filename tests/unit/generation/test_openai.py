"""The parts of the openai backend that a server's own choice decides, on a server of loopback; what
it does with faulty servers is in tests/unit/endpoint/test_behaviours.py, and llama.cpp in
tests/unit/endpoint/test_local_server.py."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from poq.checkpoint import Checkpoint
from poq.errors import PoqError
from poq.generation import openai
from poq.generation.base import OutputLimits, Request, Serving, ServingSettings
from poq.generation.run import generate_outputs
from tests.unit.endpoint.behaviours import BehaviourServer, Respond, Sent, completion
from tests.unit.generation.conftest import FORMAT

STOP = ("\n", "Q:")


def scripted(*answers: Any) -> Respond:
    """Return a server that gives each answer in its turn, and the last one from then on."""

    def respond(_: Any, count: int) -> Sent:
        return Sent(200, answers[min(count, len(answers) - 1)])

    return respond


def answer(content: str, reason: str = "stop", stop: str | None = None, tokens: int = 5) -> Any:
    body = completion(content, reason)
    body["choices"][0]["stop_reason"] = stop
    body["usage"] = {"prompt_tokens": tokens, "completion_tokens": 3}
    return body


def node(
    server: BehaviourServer, folder: Path, concurrency: int = 1, **settings: Any
) -> openai.EndpointGenerator:
    endpoint = {
        "base_url": server.base_url,
        "model": "m",
        "api_key_variable": None,
        "concurrency": concurrency,
        "cache": str(folder),
        "backoff": 0.01,
    }
    limits = {task: OutputLimits(max_output_tokens=9, stop=STOP) for task in ("qa", "news")}
    formats = {"qa": FORMAT, "news": FORMAT}
    serving = Serving(ServingSettings(max_input_tokens=16), limits, formats, seed=1)
    parsed = openai.Settings.model_validate({"kind": "openai", "endpoint": endpoint, **settings})
    made = openai.load(parsed, serving, None)
    assert isinstance(made, openai.EndpointGenerator)
    return made


def request(number: int = 1, task: str = "qa") -> Request:
    return Request(f"{task}:{number}", task, f"ef{number}", "g")


@pytest.mark.parametrize(
    ("given", "output", "reason"),
    [
        (answer(" red \n"), "red", "eos"),
        (answer("red", stop="\n"), "red", "stop"),
        (answer("red", "length"), "red", "length"),
        (answer("re", "content_filter"), "re", "length"),
        (answer("red\nQ: blue"), "red", "stop"),  # a server that ignores stop strings
        (answer("", "length"), "", "length"),  # all tokens went into thinking
    ],
)
def test_output_and_why_it_ended(given: Any, output: str, reason: str, tmp_path: Path) -> None:
    server = BehaviourServer(scripted(given))
    (found,) = node(server, tmp_path).complete([request()])
    assert (found.output, found.finish_reason) == (output, reason)
    assert (found.input_tokens, found.output_tokens, found.seed) == (5, 3, None)
    assert not found.input_truncated
    assert len(server.bodies) == 1


def test_request_is_greedy_and_short(tmp_path: Path) -> None:
    server = BehaviourServer(scripted(answer("red")))
    node(server, tmp_path).complete([request()])
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "g Q:ef1 A:"}],
            "max_tokens": 9,
            "temperature": 0,
            "stop": ["\n", "Q:"],
        }
    ]


def test_output_that_a_stop_string_ended_before_it_began_goes_on(tmp_path: Path) -> None:
    server = BehaviourServer(
        scripted(answer("red"), answer(" "), answer("\n\nblue\ngreen", "length"))
    )
    found = node(server, tmp_path).complete([request(1), request(2)])
    assert [(c.output, c.finish_reason) for c in found] == [("red", "eos"), ("blue", "stop")]
    assert ["stop" in body for body in server.bodies] == [True, True, False]
    assert server.bodies[2]["messages"] == server.bodies[1]["messages"]


def test_seeds_belong_to_prompts(tmp_path: Path) -> None:
    server = BehaviourServer(scripted(answer("red")))
    hot = node(server, tmp_path, temperature=1.0, top_p=0.9)
    first, second, again = hot.complete([request(1), request(2), request(1)])
    assert first.seed == again.seed != second.seed
    assert [body["seed"] for body in server.bodies] == [first.seed, second.seed]
    assert server.bodies[0]["top_p"] == 0.9


def test_a_seed_that_was_not_sent_is_not_recorded(tmp_path: Path) -> None:
    def respond(body: dict[str, Any], _: int) -> Sent:
        entry = {"type": "extra_forbidden", "loc": ["body", "seed"]}
        return Sent(422, {"detail": [entry]}) if "seed" in body else Sent(200, answer("red"))

    server = BehaviourServer(respond)
    (found,) = node(server, tmp_path, temperature=1.0).complete([request()])
    assert (found.output, found.seed) == ("red", None)


def test_batches_are_as_large_as_what_is_in_flight(tmp_path: Path) -> None:
    requests = [request(2), request(1, "news"), request(1), request(3)]
    server = BehaviourServer(scripted(answer("red")))
    batches = node(server, tmp_path, concurrency=2).batches(requests)
    assert [[r.prompt_id for r in batch] for batch in batches] == [
        ["news:1"], ["qa:1", "qa:2"], ["qa:3"],
    ]  # fmt: skip


def test_a_long_input_is_kept_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = BehaviourServer(scripted(answer("red", tokens=17)))
    with caplog.at_level(logging.WARNING):
        (found,) = node(server, tmp_path).complete([request()])
    assert (found.output, found.input_tokens, found.input_truncated) == ("red", 17, False)
    assert "1 of 1 inputs have more than max_input_tokens=16; name the model's tok" in caplog.text


def test_useless_answers_name_the_prompt(tmp_path: Path) -> None:
    server = BehaviourServer(scripted({"choices": []}))
    with pytest.raises(PoqError, match=r"prompt qa:1: no chat completion \(sha256 \w+\), in 3"):
        node(server, tmp_path).complete([request()])


def test_a_prompt_that_is_too_long_by_itself_is_named(tmp_path: Path) -> None:
    error = {"message": "maximum context length is 8 tokens", "code": "context_length_exceeded"}
    server = BehaviourServer(lambda *_: Sent(400, {"error": error}))
    with pytest.raises(PoqError, match="prompt qa:1: the request is longer than the model's"):
        node(server, tmp_path).complete([request()])
    assert len(server.bodies) == 1  # an output of 9 tokens fits into no context of 8


def test_no_request_waits_for_a_batch(tmp_path: Path) -> None:
    """While one answer is slow, the other place in flight serves all other prompts."""

    def respond(body: dict[str, Any], _: int) -> Sent:
        if "ef0" in body["messages"][0]["content"]:
            return Sent(200, answer("slow"), stall=1.0)
        return Sent(200, answer("fast"), stall=0.01)

    server = BehaviourServer(respond)
    generator = node(server, tmp_path / "cache", concurrency=2)
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"qa:{i}" for i in range(8)],
            "task": "qa",
            "question": [f"ef{i}" for i in range(8)],
            "context": "g",
        }
    )
    batches = generator.batches([request(i) for i in range(8)])
    order = [number for number, _ in generator.stream(batches)]
    assert order == [1, 2, 3, 0]
    outputs = generate_outputs("n", generator, prompts, Checkpoint(tmp_path / "pieces", {}))
    assert outputs["output"].to_list() == ["slow", *["fast"] * 7]
    assert len(server.bodies) == 8  # from the cache


def test_a_queue_that_is_killed_goes_on_from_whole_batches(tmp_path: Path) -> None:
    def respond(_: Any, count: int) -> Sent:
        error = {"message": "gone"}
        return Sent(404, {"error": error}) if count == 3 else Sent(200, answer(f"red {count}"))

    server = BehaviourServer(respond)
    generator = node(server, tmp_path / "cache", concurrency=1)
    prompts = pl.DataFrame(
        {"prompt_id": [f"qa:{i}" for i in range(5)], "task": "qa", "question": "Who?"}
    ).with_columns(context=pl.col("prompt_id"))
    checkpoint = Checkpoint(tmp_path / "pieces", {})
    with pytest.raises(PoqError, match=r"HTTP 404: gone\. 3 of 5 requests of this job"):
        generate_outputs("n", generator, prompts, checkpoint)
    assert len(list((tmp_path / "pieces").rglob("*.json"))) == 3
    outputs = generate_outputs("n", generator, prompts, checkpoint)
    assert outputs["output"].to_list() == ["red 0", "red 1", "red 2", "red 4", "red 5"]


def test_a_failure_of_the_job_itself_ends_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: no further prompt is paid for."""
    server = BehaviourServer(lambda *_: Sent(200, answer("red"), stall=0.05))
    generator = node(server, tmp_path / "cache", concurrency=2)
    numbers = [f"qa:{i}" for i in range(40)]
    prompts = pl.DataFrame({"prompt_id": numbers, "task": "qa", "question": numbers, "context": ""})
    checkpoint = Checkpoint(tmp_path / "pieces", {})

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "put", full)
    with pytest.raises(OSError, match="No space left") as error:
        generate_outputs("n", generator, prompts, checkpoint)
    assert error.tb is not None  # what holds the frames does not hold the queue
    sent = len(server.bodies)
    assert sent < 10
    time.sleep(0.3)
    assert len(server.bodies) == sent


def test_top_p_needs_a_temperature() -> None:
    with pytest.raises(ValidationError, match="no top_p at temperature 0"):
        openai.Settings.model_validate({"kind": "openai", "endpoint": {"model": "m"}, "top_p": 0.5})
