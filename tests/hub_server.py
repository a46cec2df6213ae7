"""A model hub on loopback, just as far as access goes: gated, missing, moving revisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_somebody_with_access"  # noqa: S105


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does: errors are named in the header X-Error-Code."""

    def do_HEAD(self) -> None:
        """Answer for a file."""
        self._answer(b"")

    def do_GET(self) -> None:
        """Answer for a description."""
        self._answer(json.dumps({"id": "open/model", "sha": COMMIT, "siblings": []}).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self, body: bytes) -> None:
        status, error = 200, None
        if "gated/" in self.path and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, error = 401, "GatedRepo"
        elif "nobody/" in self.path:
            status, error = 401, "RepoNotFound"
        elif "v9" in self.path:
            status, error = 404, "RevisionNotFound"
        self.send_response(status)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serving() -> Iterator[str]:
    """Serve on a free port of this machine and give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def use(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Make an address the hub of this process, which has no token."""
    constants = "huggingface_hub.constants."
    path = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants + "ENDPOINT", address)
    monkeypatch.setattr(constants + "HUGGINGFACE_CO_URL_TEMPLATE", address + path)
    monkeypatch.setattr(constants + "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")
