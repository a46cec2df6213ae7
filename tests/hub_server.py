"""A model hub on loopback: the part of the Hugging Face hub's API that a download uses.

It serves ``<root>/models/<owner>/<name>`` and ``<root>/datasets/<owner>/<name>``; every repository
has the same files at every commit, and a branch ``main`` at :data:`COMMIT`. A repository that holds
a file ``GATED`` is served only to those who send :data:`TOKEN`; a file ``CLAIMED`` holds names of
files that the repository claims to have besides. Weights are large files as on the hub: known by
their SHA-256, all others by a SHA-1.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_somebody_with_access"  # noqa: S105


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does; errors are named in the header X-Error-Code."""

    root: Path
    commit: str
    requested: list[str]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer for a file."""
        self._answer()

    def do_GET(self) -> None:
        """Answer for a file or a description."""
        self._answer()

    def do_POST(self) -> None:
        """Answer for a list of paths."""
        self._answer()

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[0] == "api"
        parts = parts[1:] if api else parts
        kind = parts.pop(0) if parts[0] in ("models", "datasets") else "models"
        repository, rest = self.root.joinpath(kind, *parts[:2]), parts[2:]
        revision = rest[1] if len(rest) > 1 else "main"
        self.commit = COMMIT if revision == "main" else revision
        if (repository / "GATED").exists() and self.headers.get(
            "Authorization"
        ) != f"Bearer {TOKEN}":
            self._send(401, b"", error="GatedRepo")
        elif not repository.is_dir():
            self._send(401, b"", error="RepoNotFound")
        elif revision != "main" and not re.fullmatch("[0-9a-f]{40}", revision):
            self._send(404, b"", error="RevisionNotFound")
        elif api and rest[:1] == ["tree"] and not repository.joinpath(*rest[2:]).is_dir():
            self._send(404, b"", error="EntryNotFound")
        elif api:
            self._send(200, json.dumps(self._describe(repository, rest, body)).encode())
        elif (file := repository.joinpath(*rest[2:])).is_file():
            self.requested.append("/".join(rest[2:]))
            self._send(200, file.read_bytes(), large=_is_large(file))
        else:
            self._send(404, b"", error="EntryNotFound")

    def _describe(self, repository: Path, rest: list[str], body: bytes) -> Any:
        files = sorted(path for path in repository.rglob("*") if path.is_file())
        names = [str(path.relative_to(repository)) for path in files]
        entries = [
            {"type": "file", "path": name, "size": path.stat().st_size, "oid": _sha1(path)}
            | ({"lfs": _large(path)} if _is_large(path) else {})
            for name, path in zip(names, files, strict=True)
        ]
        claimed = repository / "CLAIMED"
        further = claimed.read_text().split() if claimed.is_file() else []
        names += further
        what = rest[0] if rest else "info"
        if what == "tree":
            under = repository.joinpath(*rest[2:])
            folders = [path for path in under.iterdir() if path.is_dir()]
            listed = [
                {"type": "directory", "path": str(p.relative_to(repository))} for p in folders
            ]
            return [
                entry for entry in entries if under in (repository / str(entry["path"])).parents
            ] + [
                {**other, "oid": COMMIT, "size": 0}
                for other in [*listed, *({"type": "file", "path": name} for name in further)]
            ]
        if what == "paths-info":
            wanted = json.loads(body)["paths"]
            return [entry for entry in entries if entry["path"] in wanted]
        identity = "/".join(repository.parts[-2:])
        siblings = [{"rfilename": name} for name in names]
        return {
            "id": identity,
            "sha": self.commit,
            "siblings": siblings,
            "private": False,
            "tags": [],
        }

    def _send(
        self, status: int, content: bytes, error: str | None = None, *, large: bool = False
    ) -> None:
        start, end = 0, len(content)
        if status == 200 and (wanted := self.headers.get("Range")):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else end
            status = 206
        self.send_response(status)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("X-Repo-Commit", self.commit)
        digest = hashlib.sha256(content) if large else hashlib.sha1(content)  # noqa: S324
        self.send_header("ETag", f'"{digest.hexdigest()}"')
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[start:end])


def _is_large(path: Path) -> bool:
    return path.suffix in (".safetensors", ".gguf")


def _large(path: Path) -> dict[str, Any]:
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"oid": digits, "size": path.stat().st_size, "pointerSize": 134}


def _sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()  # noqa: S324


@contextmanager
def serving(root: Path, requested: list[str] | None = None) -> Iterator[str]:
    """Serve a folder on a free port of this machine and give the address.

    Args:
        root: folder with ``models`` and ``datasets``.
        requested: gets the name of every file that is asked for, at each request.
    """
    kept = [] if requested is None else requested
    handler = type("Rooted", (Handler,), {"root": root, "requested": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def use(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """Make an address the hub of this process, which has no token, and a folder the hub's cache."""
    constants = "huggingface_hub.constants."
    path = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants + "ENDPOINT", address)
    monkeypatch.setattr(constants + "HUGGINGFACE_CO_URL_TEMPLATE", address + path)
    monkeypatch.setattr(constants + "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants + "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", "")


@contextmanager
def small_hub(monkeypatch: pytest.MonkeyPatch, root: Path) -> Iterator[None]:
    """Serve open/model, gated/llama and the data set open/data to this process."""
    for name in ("models/open/model", "models/gated/llama", "datasets/open/data"):
        (root / name).mkdir(parents=True)
    for name in ("open/model", "gated/llama"):
        (root / "models" / name / "config.json").write_text("{}")
        (root / "models" / name / "model.safetensors").touch()
    (root / "models/gated/llama/GATED").touch()
    (root / "datasets/open/data/README.md").touch()
    with serving(root) as address:
        use(monkeypatch, address, root / "cache")
        yield
