"""What surrounds a stage of the workflow: its log, and how it fails."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from poq.errors import PoqError
from poq.visible import visible

KEPT = "\n\t"
"""What may stand in a message or a traceback beside what is printable."""


@contextmanager
def stage(log: str | Path) -> Iterator[None]:
    """Write log records to a file; tell a :class:`PoqError` in one message and exit with 1.

    Other exceptions keep their traceback, in the log as well. Linear algebra runs on one thread,
    so that sums do not depend on the number of cores. Whatever is logged or printed shows what
    cannot be seen as escapes: it may quote what a model said.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, mode="w", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Visible("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    sys.excepthook = _print_traceback
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    except PoqError as error:
        logging.error("error: %s", error)
        print(visible(f"error: {error}", KEPT), file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception:
        logging.exception("failed")
        raise


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), KEPT)


def _print_traceback(*error: Any) -> None:
    lines = "".join(traceback.format_exception(*error))
    print(visible(lines, KEPT), end="", file=sys.stderr)  # noqa: T201
