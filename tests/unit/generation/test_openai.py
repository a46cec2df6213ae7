"""The parts of the openai backend that a server's own choice decides; the rest is tested against
llama.cpp in tests/unit/endpoint/test_local_server.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from poq.endpoint.answer import Answer, Unusable
from poq.errors import PoqError
from poq.generation import openai
from poq.generation.base import OutputLimits, Request, Serving, ServingSettings
from tests.unit.generation.conftest import FORMAT

STOP = ("\n", "Q:")


class Endpoint:
    """Answers every request with the next of some answers, and keeps the requests."""

    where = "m at nowhere"

    def __init__(self, *answers: Answer | Unusable) -> None:
        self.answers = list(answers)
        self.bodies: list[Mapping[str, Any]] = []

    def ask(
        self, bodies: Sequence[Mapping[str, Any]], read: Callable[[Answer], Any], **_: Any
    ) -> list[Any]:
        self.bodies += bodies
        return [self.answers.pop(0) for _ in bodies]


def node(endpoint: Endpoint, **settings: Any) -> openai.EndpointGenerator:
    values = {"kind": "openai", "endpoint": {"model": "m", "concurrency": 2}, **settings}
    limits = {task: OutputLimits(max_output_tokens=9, stop=STOP) for task in ("qa", "news")}
    serving = Serving(ServingSettings(max_input_tokens=16), limits, {"qa": FORMAT}, seed=1)
    parsed = openai.Settings.model_validate(values)
    return openai.EndpointGenerator(parsed, serving, endpoint, fresh=False)  # type: ignore[arg-type]


def answer(content: str, reason: str = "stop", stop: str | None = None, tokens: int = 5) -> Answer:
    return Answer(content, reason, stop, tokens, 3)


def request(number: int = 1, task: str = "qa") -> Request:
    return Request(f"{task}:{number}", task, "ef", "g")


@pytest.mark.parametrize(
    ("given", "output", "reason"),
    [
        (answer(" red \n"), "red", "eos"),
        (answer("red", stop="\n"), "red", "stop"),
        (answer("red", "length"), "red", "length"),
        (answer("re", "content_filter"), "re", "length"),
        (answer("red\nQ: blue"), "red", "stop"),  # a server that ignores stop strings
    ],
)
def test_output_and_why_it_ended(given: Answer, output: str, reason: str) -> None:
    (found,) = node(Endpoint(given)).complete([request()])
    assert (found.output, found.finish_reason) == (output, reason)
    assert (found.input_tokens, found.output_tokens, found.seed) == (5, 3, None)


def test_request_is_greedy_and_short() -> None:
    endpoint = Endpoint(answer("red"))
    node(endpoint).complete([request()])
    assert endpoint.bodies == [
        {
            "messages": [{"role": "user", "content": "g Q:ef A:"}],
            "max_tokens": 9,
            "temperature": 0,
            "stop": ["\n", "Q:"],
        }
    ]


def test_output_that_a_stop_string_ended_before_it_began_goes_on() -> None:
    endpoint = Endpoint(answer("red"), answer(" "), answer("\n\nblue\ngreen", "length"))
    found = node(endpoint).complete([request(1), request(2)])
    assert [(c.output, c.finish_reason) for c in found] == [("red", "eos"), ("blue", "stop")]
    assert ["stop" in body for body in endpoint.bodies] == [True, True, False]
    assert endpoint.bodies[2]["messages"] == endpoint.bodies[1]["messages"]


def test_seeds_belong_to_prompts() -> None:
    endpoint = Endpoint(*[answer("red")] * 3)
    hot = node(endpoint, temperature=1.0, top_p=0.9)
    first, second, again = hot.complete([request(1), request(2), request(1)])
    assert first.seed == again.seed != second.seed
    assert [body["seed"] for body in endpoint.bodies] == [first.seed, second.seed, first.seed]
    assert endpoint.bodies[0]["top_p"] == 0.9


def test_batches_are_as_large_as_what_is_in_flight() -> None:
    requests = [request(2), request(1, "news"), request(1), request(3)]
    batches = node(Endpoint()).batches(requests)
    assert [[r.prompt_id for r in batch] for batch in batches] == [
        ["news:1"], ["qa:1", "qa:2"], ["qa:3"],
    ]  # fmt: skip


def test_long_input_and_useless_answers_name_the_prompt() -> None:
    with pytest.raises(PoqError, match="prompt qa:1: the input has 17 tokens; expected at most"):
        node(Endpoint(answer("red", tokens=17))).complete([request()])
    with pytest.raises(PoqError, match="m at nowhere, prompt qa:1: no chat completion"):
        node(Endpoint(Unusable("no chat completion"))).complete([request()])


def test_top_p_needs_a_temperature() -> None:
    with pytest.raises(ValidationError, match="no top_p at temperature 0"):
        openai.Settings.model_validate({"kind": "openai", "endpoint": {"model": "m"}, "top_p": 0.5})
