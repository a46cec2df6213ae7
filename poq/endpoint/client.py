"""Asks an OpenAI-compatible endpoint for chat completions, and pays for none of them twice.

Every answer is kept on disk the moment it arrives, by a digest of endpoint and request, so that a
rerun or a resumed run takes it from there. A request carries a deterministic ``Idempotency-Key``:
a server that honours it bills a retry, or a request that was in flight at a kill, once. With
another server, at most ``concurrency`` requests that were in flight at a kill are paid for again.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from filelock import FileLock, Timeout
from tqdm import tqdm

from poq import hardware
from poq.checkpoint import Checkpoint
from poq.endpoint.adaptation import Adaptation
from poq.endpoint.answer import Answer, Unusable, read_answer
from poq.endpoint.ledger import Ledger, OverBudget, Spending
from poq.endpoint.local_server import LocalServer, gguf_file
from poq.endpoint.queue import Failed, Stopped, finished
from poq.endpoint.refusal import MAYBE_PAID, most_output, read_refusal, retry_after
from poq.endpoint.secrets import hide
from poq.endpoint.settings import EndpointSettings
from poq.endpoint.transport import Http, NoAnswer, Unreadable
from poq.errors import PoqError
from poq.provenance import digest, file_sha256

MESSAGE_TOKENS = 64
"""Tokens that a chat template may put around a message, at most."""
LOCK_DIGITS = 3
"""Digits of a request's digest that name its lock: one of 4096, since locks are kept files."""
TOO_LONG = "the request is longer than the model's context"
T = TypeVar("T")
Item = TypeVar("Item")
log = logging.getLogger(__name__)


class _Passes(Exception):  # noqa: N818
    """No answer yet; ``args`` are the problem and the seconds that the server asks to wait."""


class _Refused(Exception):  # noqa: N818
    """The server does not take a parameter, named in ``args`` with the problem in words."""


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
        name = digest([identity, settings.model_name])
        self.ledger = Ledger(Path(settings.cache) / "spent" / f"{name}.sqlite", settings.budget)
        self.adaptation = Adaptation(self.where, settings, Path(settings.cache) / "refused" / name)
        self._stopped = threading.Event()
        self._thread = threading.local()
        logging.getLogger("httpx2").setLevel(logging.WARNING)

    def each(
        self, work: Callable[[Item], T], items: Sequence[Item], *, show: bool = True
    ) -> Generator[tuple[int, T], None, None]:
        """Yield each item's index and what ``work`` makes of it, as they are finished.

        There is one queue: as many items as may be in flight are worked on all the time.

        Args:
            work: asks for an item by :meth:`answer` or :meth:`fitting`; runs in a thread.
            items: what to work on.
            show: show and log progress; a caller that shows its own says no.

        Raises:
            PoqError: of ``work``; no further item is begun, and what was answered is kept.
        """
        done = cached = 0
        places = 1 if self.settings.serve else self.settings.concurrency
        # Drawn on the line of the caller's own bar: a second line takes moving the cursor, and so
        # writes over what other jobs print.
        name = self.settings.model_name
        pieces = finished(partial(self._watched, work), items, places, self._stopped)
        with (
            closing(pieces),
            tqdm(total=len(items), desc=name, disable=not show, position=0, leave=False) as bar,
        ):
            try:
                for index, (found, sent) in pieces:
                    done, cached = done + 1, cached + (not sent)
                    bar.update()
                    if show:
                        spent = self.ledger.spent().text(self.settings.budget)
                        bar.set_postfix_str(f"{cached} cached; {spent}", refresh=False)
                        counts = f"{done} of {len(items)}, {cached} cached"
                        log.info("%s: %s; %s", self.where, counts, spent)
                    yield index, found
            except Failed as failed:
                error, done = failed.args
                raise PoqError(
                    f"{self.where}: {error}. {done} of {len(items)} requests of this job are "
                    f"answered and kept in {self.settings.cache}; run again to go on from them"
                ) from None

    def answer(
        self,
        body: Mapping[str, Any],
        read: Callable[[Answer], T],
        *,
        attempts: int = 3,
        fresh: bool = False,
    ) -> T | Unusable:
        """Return what ``read`` makes of the answer to a request.

        An equal request is sent once, by however many threads and jobs at a time.

        Args:
            body: a chat completion request without its model.
            read: turns an answer into a value, or raises ValueError with a reason why it cannot;
                then the request is sent again with another seed, unless the answer was cut off.
            attempts: answers after which a request is given up as :class:`Unusable`.
            fresh: ask anew whatever the cache holds, and keep nothing; to measure time.

        Raises:
            PoqError: the budget is used up, the server refuses the request, or it fails more than
                ``retries`` times in a row.
        """
        reason = ""
        for attempt in range(attempts):
            asked = {**body, "model": self.settings.model_name}
            if attempt:
                asked["seed"] = int(body.get("seed", 0)) + attempt
            answer = self._adapting(asked, attempt, fresh)
            if isinstance(answer, Unusable):
                if answer.final:
                    return answer
                reason = answer.reason
                continue
            try:
                return read(answer)
            except ValueError as error:
                reason = str(error)
            if answer.finish_reason == "length":
                return Unusable(f"{reason}; it was cut off at the limit of tokens", final=True)
        return Unusable(f"{reason}, in {attempts} attempts")

    def fitting(
        self,
        body_of: Callable[[str], Mapping[str, Any]],
        text: str,
        read: Callable[[Answer], T],
        **how: Any,
    ) -> tuple[T | Unusable, int]:
        """Return the answer to a request that holds as much of a text as the server takes.

        A request that is too long is refused, at no cost, and sent again with less of the text.

        Args:
            body_of: returns the request with the beginning of the text.
            text: what may be cut.
            read: see :meth:`answer`.
            how: further arguments of :meth:`answer`.

        Returns:
            The answer and how many characters of the text it has seen; :class:`Unusable` if
            nothing of the text fits.
        """
        kept = len(text)
        while True:
            body = body_of(text[:kept])
            found = self.answer(body, read, **how)
            excess = found.excess if isinstance(found, Unusable) else None
            if excess is None:
                return found, kept
            size = sum(len(message["content"]) for message in body["messages"])
            kept -= math.ceil(excess * size)
            if kept <= 0:
                return found, 0

    def connect(self) -> None:
        """Do now what the first request would wait for: load the library, start the server."""
        _ = self._http

    @property
    def where(self) -> str:
        """The endpoint and model in words."""
        place = "loopback" if self.settings.serve else self.settings.base_url
        return f"{self.settings.model_name} at {place}"

    def _watched(self, work: Callable[[Item], T], item: Item) -> tuple[T, bool]:
        """Return what ``work`` makes of an item, and whether anything was sent for it."""
        self._thread.sent = False
        return work(item), self._thread.sent

    def _adapting(self, asked: Mapping[str, Any], attempt: int, fresh: bool) -> Answer | Unusable:
        """Return the answer of a request, less whatever parameter the server does not take."""
        while True:
            body = self.adaptation.final(asked)
            try:
                return self._kept_or_sent(body, attempt, fresh)
            except _Refused as refused:
                self.adaptation.refuse(asked, body, *refused.args)

    def _kept_or_sent(
        self, body: Mapping[str, Any], attempt: int, fresh: bool
    ) -> Answer | Unusable:
        """Return the answer of a request; no two threads or jobs send it at once."""
        key = {"body": body, "attempt": attempt}
        kept = self._kept(key)
        if kept is not None and (not fresh or (isinstance(kept, Unusable) and kept.excess)):
            return kept
        if fresh:
            return self._send(body, f"poq-{uuid4()}")
        name = digest(key)
        lock = FileLock(self._locks / name[:LOCK_DIGITS])
        try:
            with lock.acquire(cancel_check=self._stopped.is_set):
                if (kept := self._kept(key)) is not None:
                    return kept
                answer = self._send(body, f"poq-{name}")
                self._cache.put(key, answer._asdict())
                return answer
        except Timeout:
            raise Stopped("stopped") from None

    def _kept(self, key: Any) -> Answer | Unusable | None:
        values = self._cache.get(key)
        if values is None:
            return None
        return Unusable(**values) if "reason" in values else Answer(**values)

    def _send(self, body: Mapping[str, Any], idempotency_key: str) -> Answer | Unusable:
        """Send one request until it is answered.

        Raises:
            PoqError: see :meth:`answer`.
            _Refused: the server does not take a parameter.
        """
        self._thread.sent = True
        retries, longest = self.settings.retries, self.settings.longest_pause
        for attempt in range(retries + 1):
            try:
                return self._attempt(body, idempotency_key)
            except _Passes as failure:
                problem, asked = failure.args
            left = retries - attempt
            if left and asked > left * longest:
                raise PoqError(
                    f"{problem}; the server asks to wait {asked:g} s, more than {left} retries "
                    f"of at most longest_pause={longest:g} s each. Run again after that time"
                )
            if left:
                pause = _pause(attempt, self.settings.backoff, longest, asked)
                log.info("%s: %s; again in %.1f s", self.where, problem, pause)
                self._stopped.wait(pause)
        raise PoqError(f"{problem}; given up after {retries + 1} attempts")

    def _attempt(self, body: Mapping[str, Any], idempotency_key: str) -> Answer | Unusable:
        """Send one request once; it is reserved beforehand, and a refusal is free.

        Raises:
            PoqError: see :meth:`answer`.
            _Passes: there is no answer, and may be one at the next attempt.
            _Refused: the server does not take a parameter.
        """
        if self._stopped.is_set():
            raise Stopped("stopped")
        most = _most(body)
        try:
            self.ledger.reserve(most)
            reply = self._http.post(body, idempotency_key)
        except OverBudget as error:
            raise PoqError(f"{error}. Raise `budget` to go on") from None
        except NoAnswer as error:
            if not error.arrived:
                self.ledger.settle(most, Spending())
            raise _Passes(str(error), 0.0) from None
        except Unreadable as error:
            return Unusable(str(error))  # paid for, whatever it was
        text = hide(reply.text, self._key)
        if reply.status == 200:
            answer = read_answer(text)
            self.ledger.settle(most, _real(answer, most))
            return answer
        if reply.status not in MAYBE_PAID:
            self.ledger.settle(most, Spending())
        refusal = read_refusal(reply.status, text, body)
        problem = self._problem(reply.status, refusal.message)
        if refusal.excess is not None:
            log.info("%s: %s", self.where, problem)
            return Unusable(TOO_LONG, True, refusal.excess)
        if refusal.parameter is not None:
            raise _Refused(refusal.parameter, problem)
        if refusal.passes:
            raise _Passes(problem, retry_after(reply.headers) or 0.0)
        if reply.status in (400, 422):
            problem += ". `request` of the endpoint adds, replaces or (by null) drops a key"
        raise PoqError(problem)

    @cached_property
    def _http(self) -> Http:
        served = None
        if self.folder is not None:
            self._server = served = LocalServer(self.folder, self.settings.context_tokens)
        address = served.base_url if served else self.settings.base_url.rstrip("/")
        timeout = self.settings.timeout
        return Http(f"{address}/chat/completions", self._key, timeout, proxies=served is None)

    def _identity(self) -> dict[str, Any]:
        """Return what an answer depends on besides its request."""
        if self.folder is None:
            return {"base_url": self.settings.base_url}
        return {
            "weights": file_sha256(gguf_file(self.folder)),
            "context_tokens": self.settings.context_tokens,
            "threads": hardware.threads(),
            "xllamacpp": version("xllamacpp"),
        }

    def _problem(self, status: int, message: str) -> str:
        """Return a refusal in words that cannot hold the key."""
        if status in (401, 403):
            # Servers quote a part of the key here.
            variable = self.settings.api_key_variable
            return f"HTTP {status}: the key in {variable} is not accepted"
        return f"HTTP {status}: {message}"[:300]


def _most(body: Mapping[str, Any]) -> Spending:
    """Return the most that a request can take: a token has a byte at least."""
    texts = [str(message["content"]) for message in body["messages"]]
    texts.append(json.dumps(body.get("response_format", "")))
    size = sum(len(text.encode("utf-8", "replace")) + MESSAGE_TOKENS for text in texts)
    return Spending(1, size, most_output(body) or 0)


def _real(answer: Answer | Unusable, most: Spending) -> Spending:
    """Return what an answered request took; what was reserved where the server does not say."""
    if isinstance(answer, Unusable):
        return most
    taken = (answer.input_tokens, answer.output_tokens)
    return Spending(1, *(m if t is None else t for t, m in zip(taken, most[1:], strict=True)))


def _pause(attempt: int, backoff: float, longest: float, asked: float) -> float:
    """Return the seconds before a retry; chance keeps clients from coming back together."""
    pause: float = min(longest, backoff * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311
    return min(longest, max(pause, asked))
