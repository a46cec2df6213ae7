"""What surrounds a stage of the workflow: its log, and how it fails."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from threadpoolctl import threadpool_limits

from poq.errors import PoqError
from poq.files import refusal
from poq.visible import visible

KEPT = "\n\t"
"""What may stand in a message or a traceback beside what is printable."""


@contextmanager
def stage(log: str | Path) -> Iterator[None]:
    """Write log records to a file; tell a :class:`PoqError` in one message and exit with 1.

    So it does where storage is full or read-only. Other exceptions keep their traceback, in the log
    as well. Linear algebra runs on one thread, so that sums do not depend on the number of cores.
    Whatever is logged or printed shows what cannot be seen as escapes: it may quote what a model
    said.
    """
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log, mode="w", encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(_Visible("%(asctime)s %(message)s"))
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        sys.excepthook = _print_traceback
        with threadpool_limits(1, user_api="blas"), _silent_log():
            yield
    except PoqError as error:
        _end(str(error))
    except Exception as error:
        if problem := refusal(error):
            _end(problem)
        logging.exception("failed")
        raise


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), KEPT)


def _print_traceback(*error: Any) -> None:
    lines = "".join(traceback.format_exception(*error))
    print(visible(lines, KEPT), end="", file=sys.stderr)  # noqa: T201


@contextmanager
def _silent_log() -> Iterator[None]:
    """Let a log that cannot be written be silent: why it cannot ends the stage anyway."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before


def _end(problem: str) -> NoReturn:
    with _silent_log():
        logging.error("error: %s", problem)
    print(visible(f"error: {problem}", KEPT), file=sys.stderr)  # noqa: T201
    sys.exit(1)
