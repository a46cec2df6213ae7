"""Asks an OpenAI-compatible endpoint for chat completions, and pays for none of them twice.

Every answer is kept on disk the moment it arrives, by a digest of endpoint and request, so that a
rerun or a resumed run takes it from there. A request carries a deterministic ``Idempotency-Key``:
a server that honours it bills a retry, or a request that was in flight at a kill, once. With
another server, at most ``concurrency`` requests that were in flight at a kill are paid for again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from filelock import FileLock, Timeout
from tqdm import tqdm

from poq import hardware
from poq.checkpoint import Checkpoint
from poq.endpoint.ledger import Ledger, OverBudget, Spending
from poq.endpoint.local_server import LocalServer, gguf_file
from poq.endpoint.secrets import hide
from poq.endpoint.settings import EndpointSettings
from poq.endpoint.transport import TooLong, http_client
from poq.errors import PoqError
from poq.provenance import digest, file_sha256
from poq.visible import storable

LONGEST_PAUSE = 60.0
MESSAGE_TOKENS = 64
"""Tokens that a chat template may put around a message, at most."""
LOCK_DIGITS = 3
"""Digits of a request's digest that name its lock: one of 4096, since locks are kept files."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """A chat completion; tokens are None where the server reports none."""

    content: str
    finish_reason: str | None
    stop_string: str | None
    input_tokens: int | None
    output_tokens: int | None


class Unusable(NamedTuple):
    """What is left of a request whose every answer was of no use.

    ``final`` if it would be in vain to ask again.
    """

    reason: str
    final: bool = False


class Client:
    """One endpoint: a remote server, or a model folder served on loopback when it is first asked.

    Args:
        settings: which endpoint, and how it is asked.
        folder: the served model's folder; None for a remote server.

    Raises:
        PoqError: the variable that should hold the API key is not set.
    """

    def __init__(self, settings: EndpointSettings, folder: Path | None) -> None:
        self.settings = settings
        self.folder = folder
        if problem := settings.key_problem():
            raise PoqError(problem)
        self._key = settings.api_key()
        identity = self._identity()
        self._cache = Checkpoint(Path(settings.cache), identity)
        self._locks = Path(settings.cache) / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        name = f"{digest([identity, settings.model_name])}.sqlite"
        self.ledger = Ledger(Path(settings.cache) / "spent" / name, settings.budget)
        self._stopped = threading.Event()
        for noisy in ("httpx2", "httpx", "openai"):
            logging.getLogger(noisy).setLevel(logging.WARNING)

    def ask(
        self,
        bodies: Sequence[Mapping[str, Any]],
        read: Callable[[Answer], T],
        *,
        attempts: int = 3,
        fresh: bool = False,
        show: bool = True,
    ) -> list[T | Unusable]:
        """Return what ``read`` makes of the answer to each request, in the same order.

        Equal requests are sent once, by however many jobs at a time.

        Args:
            bodies: chat completion requests without their model.
            read: turns an answer into a value, or raises ValueError with a reason why it cannot;
                then the request is sent again with another seed.
            attempts: answers after which a request is given up as :class:`Unusable`.
            fresh: ask anew whatever the cache holds, and keep nothing; to measure time.
            show: show and log progress; a caller that asks piece by piece shows its own.

        Raises:
            PoqError: the budget is used up, the server refuses a request, or it fails more than
                ``retries`` times in a row. What was answered until then is kept.
        """
        keyed = {digest(dict(body)): body for body in bodies}
        found: dict[str, T | Unusable] = {}
        cached = 0
        self._stopped.clear()
        # Drawn on the line of the caller's own bar: a second line takes moving the cursor, and so
        # writes over what other jobs print.
        name = self.settings.model_name
        with (
            tqdm(
                total=len(keyed), desc=name, disable=not show, position=0, leave=False
            ) as progress,
            ThreadPoolExecutor(1 if self.settings.serve else self.settings.concurrency) as pool,
        ):
            waiting = {
                pool.submit(self._value, body, read, attempts, fresh): key
                for key, body in keyed.items()
            }
            try:
                for future in as_completed(waiting):
                    found[waiting[future]], from_cache = future.result()
                    cached += from_cache
                    progress.update()
                    if show:
                        self._report(progress, len(found), len(keyed), cached)
            except PoqError as error:
                self._stop(waiting)
                done = sum(not f.cancelled() and f.exception() is None for f in waiting)
                raise PoqError(
                    f"{self.where}: {error}. {done} of {len(keyed)} requests of this job are "
                    f"answered and kept in {self.settings.cache}; run again to go on from them"
                ) from None
            except BaseException:
                self._stop(waiting)
                raise
        return [found[digest(dict(body))] for body in bodies]

    def connect(self) -> None:
        """Do now what the first request would wait for: load the library, start the server."""
        _ = self._http

    def _stop(self, waiting: Collection[Future[Any]]) -> None:
        """Send nothing more, and wait for what is in flight: it is paid for, and is kept."""
        self._stopped.set()
        for future in waiting:
            future.cancel()
        wait(waiting)

    @property
    def where(self) -> str:
        """The endpoint and model in words."""
        place = "loopback" if self.settings.serve else self.settings.base_url
        return f"{self.settings.model_name} at {place}"

    def _value(
        self,
        body: Mapping[str, Any],
        read: Callable[[Answer], T],
        attempts: int,
        fresh: bool,
    ) -> tuple[T | Unusable, bool]:
        """Return the value of a request, and whether nothing had to be sent for it."""
        reason, from_cache = "", True
        for attempt in range(attempts):
            asked = {**body, "model": self.settings.model_name}
            if attempt:
                asked["seed"] = int(body.get("seed", 0)) + attempt
            key = {"body": asked, "attempt": attempt}
            if fresh:
                answer, sent = self._send(asked, f"poq-{uuid4()}"), True
            else:
                answer, sent = self._kept_or_sent(asked, key)
            from_cache &= not sent
            if isinstance(answer, Unusable) and answer.final:
                return answer, from_cache
            if isinstance(answer, Unusable):
                reason = answer.reason
                continue
            try:
                return read(answer), from_cache
            except ValueError as error:
                reason = str(error)
        return Unusable(f"{reason}, in {attempts} attempts"), from_cache

    def _kept_or_sent(self, asked: Mapping[str, Any], key: Any) -> tuple[Answer | Unusable, bool]:
        """Return the answer of a request, and whether this job sent it; no two jobs do at once."""
        if (answer := self._kept(key)) is not None:
            return answer, False
        name = _sha256(key)
        lock = FileLock(self._locks / name[:LOCK_DIGITS])
        try:
            with lock.acquire(cancel_check=self._stopped.is_set):
                if (answer := self._kept(key)) is not None:
                    return answer, False
                answer = self._send(asked, f"poq-{name}")
                self._cache.put(key, answer._asdict())
                return answer, True
        except Timeout:
            raise PoqError("stopped") from None

    def _kept(self, key: Any) -> Answer | Unusable | None:
        values = self._cache.get(key)
        if values is None:
            return None
        return Unusable(**values) if "reason" in values else Answer(**values)

    def _send(self, body: Mapping[str, Any], idempotency_key: str) -> Answer | Unusable:
        """Send one request until it is answered.

        Raises:
            PoqError: see :meth:`ask`.
        """
        import openai

        most = _most(body)
        try:
            self.ledger.reserve(most)
        except OverBudget as error:
            raise PoqError(f"{error}. Raise `budget` to go on") from None
        maybe_answered = False
        for attempt in range(self.settings.retries + 1):
            if self._stopped.is_set():
                break
            at_least = None
            try:
                raw = self._http.chat.completions.with_raw_response.create(
                    **body, extra_headers={"Idempotency-Key": idempotency_key}
                )
            except openai.APIStatusError as error:
                if _is_too_long(error):
                    self.ledger.settle(most, Spending())
                    return Unusable("the request is longer than the model's context", final=True)
                problem = self._problem(error)
                if not _may_pass(error):
                    self.ledger.settle(most, Spending())
                    raise PoqError(problem) from None
                at_least = _retry_after(error.response.headers.get("retry-after"))
            except openai.APIConnectionError as error:
                maybe_answered = True
                late = isinstance(error, openai.APITimeoutError)
                problem = "no answer in time" if late else "the connection broke"
            except TooLong as error:
                # Paid for, whatever it was.
                return Unusable(str(error))
            else:
                answer = _answer(hide(raw.http_response.text, self._key))
                self.ledger.settle(most, _real(answer, most))
                return answer
            if attempt < self.settings.retries:
                pause = _pause(attempt, self.settings.backoff, at_least)
                log.info("%s: %s; again in %.1f s", self.where, problem, pause)
                self._stopped.wait(pause)
        if not maybe_answered:
            self.ledger.settle(most, Spending())
        if self._stopped.is_set():
            raise PoqError("stopped")
        raise PoqError(f"{problem}; given up after {self.settings.retries + 1} attempts")

    @cached_property
    def _http(self) -> Any:
        import openai

        return openai.OpenAI(
            base_url=self._server.base_url if self._server else self.settings.base_url,
            api_key=self._key or "none",
            max_retries=0,
            timeout=self.settings.timeout,
            http_client=http_client(proxies=self.settings.serve is None),
        )

    @cached_property
    def _server(self) -> LocalServer | None:
        if self.folder is None:
            return None
        return LocalServer(self.folder, self.settings.context_tokens)

    def _identity(self) -> dict[str, Any]:
        """Return what an answer depends on beside its request."""
        if self.folder is None:
            return {"base_url": self.settings.base_url}
        return {
            "weights": file_sha256(gguf_file(self.folder)),
            "context_tokens": self.settings.context_tokens,
            "threads": hardware.threads(),
            "xllamacpp": version("xllamacpp"),
        }

    def _problem(self, error: Any) -> str:
        """Return a refusal in words that cannot hold the key."""
        status = error.status_code
        if status in (401, 403):
            # Servers quote a part of the key here.
            variable = self.settings.api_key_variable
            return f"HTTP {status}: the key in {variable} is not accepted"
        return hide(f"HTTP {status}: {_message(error)}", self._key)[:300]

    def _report(self, progress: Any, done: int, total: int, cached: int) -> None:
        spent = self.ledger.spent().text(self.settings.budget)
        progress.set_postfix_str(f"{cached} cached; {spent}", refresh=False)
        log.info("%s: %d of %d, %d cached; %s", self.where, done, total, cached, spent)


def _most(body: Mapping[str, Any]) -> Spending:
    """Return the most that a request can take: a token has a byte at least."""
    texts = [str(message["content"]) for message in body["messages"]]
    texts.append(json.dumps(body.get("response_format", "")))
    size = sum(len(text.encode("utf-8", "replace")) + MESSAGE_TOKENS for text in texts)
    return Spending(1, size, int(body["max_tokens"]))


def _real(answer: Answer | Unusable, most: Spending) -> Spending:
    """Return what an answered request took; what was reserved where the server does not say."""
    if isinstance(answer, Unusable):
        return most
    taken = (answer.input_tokens, answer.output_tokens)
    return Spending(1, *(m if t is None else t for t, m in zip(taken, most[1:], strict=True)))


def _answer(text: str) -> Answer | Unusable:
    """Return what a response of status 200 says."""
    try:
        values = json.loads(text)
        choice, usage = values["choices"][0], values.get("usage") or {}
        content, stop = choice["message"]["content"], choice.get("stop_reason")
        return Answer(
            content=_text(content),
            finish_reason=choice.get("finish_reason"),
            stop_string=stop if isinstance(stop, str) else None,
            input_tokens=_count(usage.get("prompt_tokens")),
            output_tokens=_count(usage.get("completion_tokens")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Unusable(f"no chat completion (sha256 {hashlib.sha256(_bytes(text)).hexdigest()})")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return storable(value)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _may_pass(error: Any) -> bool:
    """Tell whether a refusal may pass; an account without credit is no matter of waiting."""
    if error.status_code == 429:
        return bool(error.code != "insufficient_quota")
    return bool(error.status_code in (408, 409) or error.status_code >= 500)


def _is_too_long(error: Any) -> bool:
    """Tell whether a request was refused for its length, in OpenAI's words or llama.cpp's."""
    words = {"context_length_exceeded", "exceed_context_size_error"}
    return error.code in words or error.type in words


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, Mapping) else {}
    return str(body.get("message") or error.message)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _pause(attempt: int, backoff: float, at_least: float | None) -> float:
    """Return the seconds before a retry; chance keeps clients from coming back together."""
    pause: float = min(LONGEST_PAUSE, backoff * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311
    return max(pause, at_least or 0.0)


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
