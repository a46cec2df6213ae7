"""An OpenAI-compatible server that fails as real ones do, seeded, and keeps count.

A request's fate depends on its body and on how often it came, so that faults do not depend on the
order of concurrent requests. The server honours ``Idempotency-Key``: what was answered once is
given again, and billed once. A request that times out or whose connection drops *is* billed: the
worst that a server can do to a client. One that asks for a key quotes it wherever something is
wrong: as it came, URL-encoded and in base64.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from base64 import b64encode
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

FAULTS = {"429": 0.10, "500": 0.05, "timeout": 0.05, "drop": 0.05, "garbage": 0.05}
INPUT_TOKENS, OUTPUT_TOKENS = 20, 8


class FaultServer(ThreadingHTTPServer):
    """Grades an output by its length modulo 11.

    Args:
        faults: share of requests for each fault.
        stall: seconds that a timed-out request hangs.
        delay: seconds that an answer takes.
        key: the API key that it asks for; None for none.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        faults: dict[str, float] | None = None,
        *,
        stall: float = 1.0,
        delay: float = 0.0,
        key: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = FAULTS if faults is None else faults
        self.stall, self.delay, self.key = stall, delay, key
        self.lock = threading.Lock()
        self.came: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.given: dict[str, int] = {}
        self.answers: dict[str, bytes] = {}
        self.refusal: tuple[int, dict[str, Any]] | None = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def fate(self, body: bytes) -> str:
        """Return the fate of a request: a fault, or "answer"."""
        name = hashlib.sha256(body).hexdigest()
        with self.lock:
            self.came[name] += 1
            drawn = hashlib.sha256(f"{name} {self.came[name]}".encode()).digest()
        point = int.from_bytes(drawn[:8], "big") / 2**64
        for fault, share in self.faults.items():
            if point < share:
                return fault
            point -= share
        return "answer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


def grade(content: str) -> int:
    """Return the grade of a judge's request."""
    return len(content) % 11


class _Handler(BaseHTTPRequestHandler):
    server: FaultServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if server.refusal is not None:
            self._send(server.refusal[0], json.dumps({"error": server.refusal[1]}).encode())
            return
        if server.key is not None and self.headers["Authorization"] != f"Bearer {server.key}":
            quoted = self.headers["Authorization"]
            message = {"error": {"message": f"Incorrect API key provided: {quoted}"}}
            self._send(401, json.dumps(message).encode())
            return
        key = self.headers["Idempotency-Key"]
        fate = server.fate(body)
        with server.lock:
            server.fates[fate] += 1
            answer = server.answers.get(key)
            if fate not in ("429", "500") and answer is None:
                answer = server.answers[key] = self._answer(body, fate)
                server.billed[key] += 1
        if fate == "429":
            message = {"error": {"message": f"slow down{self._quoted()}"}}
            self._send(429, json.dumps(message).encode(), {"Retry-After": "0.05"})
        elif fate == "500":
            self._send(500, f"<html>oops{self._quoted()}</html>".encode())
        elif fate == "timeout":
            time.sleep(server.stall)
            self.close_connection = True
        elif fate == "drop":
            self.close_connection = True
        else:
            assert answer is not None
            time.sleep(server.delay)
            self._send(200, answer)

    def _answer(self, body: bytes, fate: str) -> bytes:
        content = json.loads(body)["messages"][0]["content"]
        text = json.dumps({"score": grade(content)})
        if fate == "garbage":
            text = f"I would say {text}!{self._quoted()}"
        else:
            self.server.given[content] = grade(content)
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": usage}).encode()

    def _quoted(self) -> str:
        if self.server.key is None:
            return ""
        given = self.headers["Authorization"]
        return f", {given}, {quote(given)}, {b64encode(given.encode()).decode()}"

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
