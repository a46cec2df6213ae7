from __future__ import annotations

import contextlib
import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tqdm import tqdm

from poq.endpoint import client as module
from poq.endpoint.answer import Answer, Unusable, read_answer
from poq.endpoint.client import Client
from poq.endpoint.ledger import Spending
from poq.endpoint.refusal import UNKNOWN_EXCESS, retry_after
from poq.endpoint.settings import EndpointSettings
from poq.endpoint.transport import LONGEST_ANSWER
from poq.errors import PoqError
from poq.evaluators.judge import read_grade
from poq.visible import visible
from tests.unit.endpoint import behaviours
from tests.unit.endpoint.asking import ask
from tests.unit.endpoint.behaviours import BehaviourServer, Sent
from tests.unit.endpoint.fault_server import INPUT_TOKENS, OUTPUT_TOKENS, FaultServer, grade

SECRET = "sk-very-secret-7f3a9"  # noqa: S105
Connect = Callable[..., Client]


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 16, "temperature": 0}


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Return a function that makes a client of a server."""

    def make(server: FaultServer | BehaviourServer, **settings: Any) -> Client:
        values = {
            "base_url": server.base_url,
            "model": "m",
            "api_key_variable": None,
            "cache": str(tmp_path / "cache"),
            "timeout": 5.0,
            "retries": 2,
            "backoff": 0.01,
            **settings,
        }
        return Client(EndpointSettings.model_validate(values), None)

    yield make


def test_answers_keep_their_order_and_equal_requests_are_sent_once(connect: Connect) -> None:
    server = FaultServer({})
    texts = ["a", "bbb", "cc", "bbb"]
    found = ask(connect(server), [body(text) for text in texts], read_grade)
    assert found == [grade(text) for text in texts] == [1, 3, 2, 3]
    assert len(server.billed) == 3


def test_progress_within_progress_moves_no_cursor(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs share a terminal: a cursor that one moves up is in the lines of another."""
    with tqdm(total=1, desc="judge") as progress:
        ask(connect(FaultServer({})), [body("a"), body("b")], read_grade)
        progress.update()
    shown = capsys.readouterr().err
    assert "m:   0%" in shown
    assert shown.splitlines()[-1].startswith("judge: 100%")
    assert visible(shown, "\n\r") == shown


def test_a_rerun_asks_nothing_and_spends_nothing(connect: Connect) -> None:
    server = FaultServer({})
    ask(connect(server), [body("a")], read_grade)
    again = connect(server)
    assert ask(again, [body("a")], read_grade) == [1]
    assert again.ledger.spent() == (1, INPUT_TOKENS, OUTPUT_TOKENS)
    assert server.fates.total() == 1


def test_fresh_requests_are_sent_and_counted_and_not_kept(connect: Connect) -> None:
    server = FaultServer({})
    client = connect(server)
    for _ in range(2):
        assert ask(client, [body("a")], read_grade, fresh=True) == [1]
    assert len(server.billed) == 2
    assert client.ledger.spent() == (2, 2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS)
    ask(client, [body("a")], read_grade)
    assert len(server.billed) == 3


def test_another_model_or_seed_is_another_request(connect: Connect) -> None:
    server = FaultServer({})
    ask(connect(server), [body("a")], read_grade)
    ask(connect(server, model="other"), [body("a")], read_grade)
    ask(connect(server), [body("a") | {"seed": 3}], read_grade)
    assert len(server.billed) == 3


def test_what_cannot_be_read_is_asked_again_then_given_up_for_good(connect: Connect) -> None:
    server = FaultServer({"garbage": 1.0})
    expected = [Unusable("the answer is no JSON, in 3 attempts")]
    assert ask(connect(server), [body("a")], read_grade) == expected
    assert ask(connect(server), [body("a")], read_grade) == expected
    assert len(server.billed) == server.fates.total() == 3


@pytest.mark.parametrize("fault", ["429", "500", "timeout", "drop"])
def test_attempts_have_an_end(fault: str, connect: Connect) -> None:
    server = FaultServer({fault: 1.0}, stall=0.3)
    client = connect(server, timeout=0.1 if fault == "timeout" else 5.0)
    words = {"429": "HTTP 429: slow down", "500": "HTTP 500", "timeout": "no answer in time"}
    with pytest.raises(PoqError) as error:
        ask(client, [body("a")], read_grade)
    assert words.get(fault, "the connection broke") in str(error.value)
    assert "given up after 3 attempts. 0 of 1 requests" in str(error.value)
    assert server.fates.total() == 3
    # A refusal costs nothing; each attempt that may have been answered stays reserved.
    assert client.ledger.spent().requests == (0 if fault in ("429", "500") else 3)


@pytest.mark.parametrize(
    ("status", "code"), [(400, None), (404, None), (422, None), (429, "insufficient_quota")]
)
def test_a_refusal_that_will_not_pass_fails_at_once(
    status: int, code: str | None, connect: Connect
) -> None:
    server = FaultServer({})
    server.refusal = (status, {"message": "the model does not exist", "code": code})
    client = connect(server)
    with pytest.raises(PoqError) as error:
        ask(client, [body("a")], read_grade)
    assert f"m at {server.base_url}: HTTP {status}: the model does not exist" in str(error.value)
    assert "again in" not in str(error.value)
    named = "`request` of the endpoint adds, replaces or (by null) drops a key" in str(error.value)
    assert named is (status in (400, 422))
    assert client.ledger.spent() == Spending()


def test_budget_stops_and_a_higher_one_goes_on(connect: Connect) -> None:
    server = FaultServer({})
    bodies = [body("x" * n) for n in range(1, 9)]
    with pytest.raises(PoqError) as error:
        # One at a time: of two, the one that is let through may not be sent any more.
        ask(connect(server, concurrency=1, budget={"requests": 5}), bodies, read_grade)
    message = str(error.value)
    assert "the next request might break the budget of 5 requests" in message
    assert "spent are 5 requests" in message
    assert "5 of 8 requests of this job are answered" in message
    assert "Raise `budget`" in message
    assert len(server.billed) == 5
    found = ask(connect(server, budget={"requests": 8}), bodies, read_grade)
    assert found == list(range(1, 9))
    assert len(server.billed) == 8


def test_the_key_is_nowhere_but_in_the_request(
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    server = FaultServer({}, key=SECRET)
    client = connect(server, api_key_variable="JUDGE_KEY")
    assert ask(client, [body("a")], read_grade) == [1]
    # A server that quotes the key in an answer, in a refusal, in a refusal of the key itself.
    assert ask(client, [body("b" * 4)], lambda answer: answer.content) == ['{"score": 4}']
    messages = []
    for refusal in ((400, {"message": f"bad {SECRET}"}), (401, {"message": f"no {SECRET[:-3]}"})):
        server.refusal = refusal
        with pytest.raises(PoqError) as error:
            ask(client, [body("c")], read_grade)
        messages.append(str(error.value))
    assert "bad ***" in messages[0]
    assert "the key in JUDGE_KEY is not accepted" in messages[1]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len([text for text in kept if text]) == 3  # two answers and the ledger; locks are empty
    for text in [*messages, caplog.text, repr(client.settings), *map(repr, kept)]:
        assert SECRET[:-3] not in text


def test_a_missing_key_is_told_before_anything_is_asked(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(PoqError, match="environment variable JUDGE_KEY is not set"):
        connect(FaultServer({}), api_key_variable="JUDGE_KEY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oops",
        "[]",
        '{"choices": []}',
        '{"choices": [{"message": {"role": "assistant"}}]}',
        "[" * 9999,
    ],
)
def test_a_response_without_a_completion_is_unusable(text: str) -> None:
    found = read_answer(text)
    assert isinstance(found, Unusable)
    assert "no chat completion (sha256 " in found.reason


def test_missing_usage_counts_as_what_was_reserved() -> None:
    answer = read_answer('{"choices": [{"message": {"content": "x"}}]}')
    assert answer == Answer("x", None, None, None, None)
    assert module._real(answer, Spending(1, 50, 24)) == (1, 50, 24)
    partial = Answer("x", None, None, 7, None)
    assert module._real(partial, Spending(1, 50, 24)) == (1, 7, 24)


def test_reservation_is_at_least_a_byte_a_token() -> None:
    # "né" has 3 bytes; the empty response format is '""', 2 bytes; 64 for each of the two
    assert module._most(body("né")) == (1, 3 + 2 + 2 * 64, 16)


@pytest.mark.parametrize("attempt", [0, 3, 50])
def test_pause_grows_with_jitter_to_the_longest(attempt: int) -> None:
    full = min(60.0, 0.5 * 2**attempt)
    pauses = [module._pause(attempt, 0.5, 60.0, 0.0) for _ in range(200)]
    assert full / 2 <= min(pauses) < max(pauses) <= full


def test_pause_is_what_the_server_asks_up_to_the_longest() -> None:
    assert module._pause(0, 0.5, 60.0, 7.0) == 7.0
    assert module._pause(0, 0.5, 60.0, 75.0) == 60.0
    assert module._pause(50, 0.5, 60.0, 7.0) >= 30.0


def test_retry_after_is_seconds_milliseconds_or_a_date() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0
    assert retry_after({"retry-after-ms": "250", "retry-after": "1"}) == 0.25
    assert retry_after({}) is None
    assert retry_after({"retry-after": "soon"}) is None
    in_a_minute = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None
    assert 55 < in_a_minute <= 61


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "either serve or model"),
        ({"serve": "a", "model": "b"}, "either serve or model"),
        ({"serve": "a", "base_url": "http://x/v1"}, "no base_url with serve"),
        ({"model": "m", "base_url": "http://me:pw@x/v1"}, "base_url"),
        ({"model": "m", "api_key_variable": "sk-123"}, "api_key_variable"),
        ({"model": "m", "request": {"messages": []}}, "no messages in request"),
        ({"model": "m", "request": {"stream": True}}, "no stream in request"),
        ({"model": "m", "request": {"n": 2}}, "no n in request"),
        ({"model": "m", "request": {"max_tokens": "9"}}, "a positive number of tokens, or null"),
        ({"model": "m", "request": {"max_tokens": 0}}, "a positive number of tokens, or null"),
        (
            {"model": "m", "request": {"max_tokens": None}, "budget": {"output_tokens": 9}},
            "max_completion_tokens in request, which the budget needs",
        ),
    ],
)
def test_settings_refuse(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EndpointSettings.model_validate(values)


def test_settings_survive_a_dump() -> None:
    served = EndpointSettings(serve="a")
    assert EndpointSettings.model_validate(served.model_dump(mode="json")) == served


@pytest.fixture
def raw_server() -> Iterator[Callable[[int, bytes, dict[str, str]], str]]:
    """Return a function that serves one answer, whatever is asked, and returns its address."""
    servers = []

    def serve(status: int, content: bytes, headers: dict[str, str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(server := ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield serve
    for server in servers:
        server.shutdown()


def ask_at(connect: Connect, address: str) -> Any:
    return ask(connect(FaultServer({}), base_url=address), [body("a")], read_grade)[0]


@pytest.mark.parametrize(
    ("status", "content", "headers", "says"),
    [
        (200, b"x" * (LONGEST_ANSWER + 1), {}, f"an answer of more than {LONGEST_ANSWER} bytes"),
        (500, b"x" * (10 * 2**20), {}, f"an answer of more than {LONGEST_ANSWER} bytes"),
        # 100 MB of zeros in 100 kB
        (200, gzip.compress(bytes(10**8)), {"Content-Encoding": "gzip"}, "a compressed answer"),
    ],
)
def test_an_answer_without_end_is_cut_off(
    connect: Connect,
    raw_server: Callable[..., str],
    status: int,
    content: bytes,
    headers: dict[str, str],
    says: str,
) -> None:
    found = ask_at(connect, raw_server(status, content, headers))
    assert isinstance(found, Unusable)
    assert says in found.reason


def test_a_redirect_is_not_followed(connect: Connect, raw_server: Callable[..., str]) -> None:
    elsewhere = FaultServer({})
    address = raw_server(307, b"", {"Location": f"{elsewhere.base_url}/chat/completions"})
    with pytest.raises(PoqError, match="HTTP 307"):
        ask_at(connect, address)
    assert not elsewhere.fates


@pytest.mark.parametrize(
    "error", [{"code": "context_length_exceeded"}, {"type": "exceed_context_size_error"}]
)
def test_a_request_that_is_too_long_is_given_up_by_itself(
    connect: Connect, error: dict[str, str]
) -> None:
    server = FaultServer({})
    server.refusal = (400, {"message": "too long", **error})
    client = connect(server)
    words = "the request is longer than the model's context"
    expected = [Unusable(words, final=True, excess=UNKNOWN_EXCESS)]
    assert ask(client, [body("a")], read_grade) == expected
    server.refusal = None
    assert ask(connect(server), [body("a")], read_grade) == expected  # kept, not asked again
    assert not server.fates
    assert client.ledger.spent() == Spending()


def test_a_lone_surrogate_becomes_a_character_that_can_be_stored() -> None:
    answer = read_answer('{"choices": [{"message": {"content": "a\\ud83d b\\ud83d\\ude00"}}]}')
    assert isinstance(answer, Answer)
    assert answer.content == "a\ufffd b\U0001f600"


@pytest.mark.parametrize(
    "text",
    [
        '{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 1'
        + "0" * 5000
        + "}}",
        '{"choices": {"0": 1}}',
        '{"choices": [{"message": {"content": ["a"]}}]}',
        '{"choices": [{"message": [[[]]]}], "usage": []}',
        '{"choices": NaN}',
        "\x00" * 1000,
    ],
)
def test_a_hostile_response_is_unusable(text: str) -> None:
    assert isinstance(read_answer(text), Unusable)


def test_hostile_counts_are_no_counts() -> None:
    usage = '{"prompt_tokens": 1e999, "completion_tokens": -5}'
    answer = read_answer('{"choices": [{"message": {"content": "a"}}], "usage": ' + usage + "}")
    assert answer == Answer("a", None, None, None, None)


ANSWER = Sent(200, behaviours.completion('{"score": 7}'), billed=True)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_refusal_that_passes_is_retried_with_the_same_key(status: int, connect: Connect) -> None:
    error = {"error": {"message": "in progress", "code": "conflict"}}
    server = BehaviourServer(lambda _, count: ANSWER if count else Sent(status, error))
    assert ask(connect(server), [body("a")], read_grade) == [7]
    first, second = server.keys
    assert first == second
    assert server.bodies[0] == server.bodies[1]


def test_the_last_of_all_retries_counts(connect: Connect) -> None:
    error = {"error": {"message": "overloaded"}}
    server = BehaviourServer(lambda _, count: ANSWER if count == 2 else Sent(503, error))
    assert ask(connect(server, retries=2), [body("a")], read_grade) == [7]
    server = BehaviourServer(lambda _, count: ANSWER if count == 3 else Sent(503, error))
    with pytest.raises(PoqError, match="HTTP 503: overloaded; given up after 3 attempts"):
        ask(connect(server, retries=2), [body("a")], read_grade)


def test_what_was_refused_holds_for_all_requests_jobs_and_reruns(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server = BehaviourServer(behaviours.reasoning_model)
    bodies = [body(f"answer {n}") for n in range(8)]
    first, second = connect(server, concurrency=8), connect(server)
    with caplog.at_level(logging.WARNING):
        assert ask(first, bodies, lambda answer: answer.content) == [
            f"It is {n}." for n in range(8)
        ]
    # However many requests met it at once, a refusal is recorded once.
    assert [record.getMessage().count("from now on") for record in caplog.records] == [1, 1]
    assert 'Requests have {"max_completion_tokens": 16} from now on' in caplog.text
    assert "Requests have no temperature from now on; answers are no longer greedy" in caplog.text
    sent = len(server.bodies)
    # Another job, which began before anything was refused, meets it and finds the record.
    ask(second, [body("answer 9")], lambda answer: answer.content)
    assert len(server.bodies) == sent + 2
    third = connect(server)
    ask(third, bodies, lambda answer: answer.content)
    assert len(server.bodies) == sent + 2
    ask(third, [body("answer 8")], lambda answer: answer.content)
    assert server.bodies[-1].keys() == {"model", "messages", "max_completion_tokens"}
    assert len(server.bodies) == sent + 3


def test_request_is_merged_last_and_null_drops_a_key(connect: Connect) -> None:
    server = BehaviourServer(lambda *_: ANSWER)
    request = {
        "temperature": None,
        "max_tokens": None,
        "max_completion_tokens": 64,
        "seed": None,
        "chat_template_kwargs": {"enable_thinking": False},
        "reasoning_effort": "low",
    }
    client = connect(server, request=request, budget={"output_tokens": 64})
    ask(client, [body("a") | {"seed": 1}], read_grade)
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "a"}],
            "max_completion_tokens": 64,
            "chat_template_kwargs": {"enable_thinking": False},
            "reasoning_effort": "low",
        }
    ]
    # The budget counts by the limit that is sent: 8 tokens are spent, 64 more might be.
    with pytest.raises(PoqError, match="might break the budget of 64 output tokens"):
        ask(client, [body("b")], read_grade)


def test_the_first_failure_is_reported_and_nothing_begins_after_it(connect: Connect) -> None:
    error = {"error": {"message": "no such model"}}
    server = BehaviourServer(lambda _, count: Sent(404, error) if count == 2 else ANSWER)
    client = connect(server, concurrency=1)
    with pytest.raises(PoqError, match=r"HTTP 404: no such model\. 2 of 50 requests"):
        ask(client, [body("x" * n) for n in range(50)], read_grade)
    assert len(server.bodies) == 3


def test_a_long_wait_is_cut_to_the_longest_pause(connect: Connect) -> None:
    def limit(seconds: str) -> Sent:
        return Sent(429, {"error": {"message": "slow down"}}, {"Retry-After": seconds})

    answers = [limit("0.15"), limit("0.05"), ANSWER]
    server = BehaviourServer(lambda _, count: answers[count])
    began = time.monotonic()
    # Two retries of 0.1 s reach 0.15 s; one would not.
    assert ask(connect(server, longest_pause=0.1), [body("a")], read_grade) == [7]
    assert 0.15 <= time.monotonic() - began < 5
    server = BehaviourServer(lambda *_: limit("0.15"))
    words = r"asks to wait 0\.15 s, more than 1 retries of at most longest_pause=0\.1 s each"
    with pytest.raises(PoqError, match=words):
        ask(connect(server, longest_pause=0.1, retries=1), [body("a")], read_grade)
    assert len(server.bodies) == 1


def test_a_fresh_request_is_not_sent_whole_again_where_it_is_known_to_be_too_long(
    connect: Connect,
) -> None:
    """So that the time of a request is that of its answer."""
    server = BehaviourServer(behaviours.limited(behaviours.tgi))
    client = connect(server)
    for fresh in (False, True):
        found, kept = client.fitting(
            lambda text: body(f"{text} answer 7"),
            "fox " * 5000,
            lambda answer: answer.content,
            fresh=fresh,
        )
        assert found == "It is 7."
        assert 0 < kept < 4 * 5000
    assert [len(sent["messages"][0]["content"]) > 4 * 2048 for sent in server.bodies] == [
        True, False, False,
    ]  # fmt: skip
    assert client.ledger.spent().requests == server.billed == 2


def test_no_connection_costs_nothing(connect: Connect) -> None:
    client = connect(FaultServer({}), base_url="http://127.0.0.1:9/v1")
    with pytest.raises(PoqError, match="the connection broke; given up after 3 attempts"):
        ask(client, [body("a")], read_grade)
    assert client.ledger.spent() == Spending()


@pytest.mark.parametrize(
    ("message", "content", "reasoning"),
    [
        ({"content": "<think>\nSo.\n</think>\n\n7"}, "7", "<think>\nSo.\n</think>\n\n"),
        ({"content": "So.</think>7"}, "7", "So.</think>"),
        ({"content": "<think>So"}, "", "<think>So"),
        ({"content": "7", "reasoning_content": "So."}, "7", "So."),
        ({"content": "7", "reasoning": "So."}, "7", "So."),
        ({"content": None, "reasoning_content": "So"}, "", "So"),
        ({"content": None, "refusal": "I cannot."}, "", None),
        ({"content": "7 < 8"}, "7 < 8", None),
    ],
)
def test_reasoning_is_kept_apart(message: Any, content: str, reasoning: str | None) -> None:
    found = read_answer(json.dumps({"choices": [{"message": message}]}))
    assert isinstance(found, Answer)
    assert (found.content, found.reasoning) == (content, reasoning)
