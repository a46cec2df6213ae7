"""What surrounds a stage of the workflow: its log, and how it fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from poq.errors import PoqError


@contextmanager
def stage(log: str | Path) -> Iterator[None]:
    """Write log records to a file; tell a :class:`PoqError` in one message and exit with 1.

    Other exceptions keep their traceback, in the log as well. Linear algebra runs on one thread,
    so that sums do not depend on the number of cores.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    except PoqError as error:
        logging.error("error: %s", error)
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception:
        logging.exception("failed")
        raise
