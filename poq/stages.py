"""What surrounds a stage of the workflow: its log, and how it fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from threadpoolctl import threadpool_limits

from poq.errors import PoqError
from poq.files import refusal

FORMAT = "%(asctime)s %(message)s"


@contextmanager
def stage(log: str | Path) -> Iterator[None]:
    """Write log records to a file; tell a :class:`PoqError` in one message and exit with 1.

    So it does where storage is full or read-only. Other exceptions keep their traceback, in the log
    as well. Linear algebra runs on one thread, so that sums do not depend on the number of cores.
    """
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(
            filename=log, filemode="w", level=logging.INFO, format=FORMAT, force=True
        )
        with threadpool_limits(1, user_api="blas"), _silent_log():
            yield
    except PoqError as error:
        _end(str(error))
    except Exception as error:
        if problem := refusal(error):
            _end(problem)
        logging.exception("failed")
        raise


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
    print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
