"""Files that appear under their name only when they are complete, and storage that fails."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from poq.errors import PoqError

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What a full, read-only, protected or broken storage answers."""


@contextmanager
def complete(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside a path; what was written there is moved to the path at the end.

    The content is forced to the disk first, so that not even a power cut leaves the name without
    it. The folder is not: a name that is lost is only computed again. If the block fails, nothing
    is left; a kill leaves a file ``.<name>.<8 digits>.partial``, which nothing reads.

    Raises:
        PoqError: the storage is full, read-only, protected or broken; the message names the path.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in REFUSALS:
            reason = os.strerror(error.errno)
            raise PoqError(f"{target}: cannot be written: {reason}") from error
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8; see :func:`complete`."""
    with complete(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        PoqError: the file cannot be read, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PoqError(f"{path}: cannot be read as JSON: {error}") from error


def refusal(error: BaseException) -> str | None:
    """Return in one line what a storage refused, None if an error has another cause.

    Libraries wrap the system's error, or put its words into a text of their own.
    """
    words = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)]
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in REFUSALS:
            where = f"{cause.filename}: " if cause.filename else ""
            return f"{where}{os.strerror(cause.errno)}"
        if any(word in str(cause) for word in words) or isinstance(cause, sqlite3.OperationalError):
            return str(cause).partition("\n")[0]
        cause = cause.__cause__ or cause.__context__
    return None
