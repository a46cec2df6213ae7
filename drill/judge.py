"""A judge behind HTTP: llama.cpp serves a GGUF model on a given port of loopback.

python -m drill.judge cache/models/<folder> 8123
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from poq.endpoint.local_server import LocalServer

CONTEXT_TOKENS = 4096


class Judge:
    """The server as a process of its own, which can be stopped and started again.

    Args:
        folder: model folder with one GGUF file.
        port: port on loopback.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._command = [sys.executable, "-m", "drill.judge", str(folder), str(port)]
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, up: bool) -> None:
        """Start or stop the server, and return when it is so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if up:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while not answers(self._port):
                if self._process.poll() is not None:
                    raise RuntimeError("the judge's server does not start")
                time.sleep(0.1)


def answers(port: int) -> bool:
    """Tell whether anything listens on a port of loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    _server = LocalServer(Path(sys.argv[1]), CONTEXT_TOKENS, port=int(sys.argv[2]))
    threading.Event().wait()
