"""The seal of a finished run: the SHA-256 of every file of its results, in one text file.

Tables carry checksums and provenance of their own; figures, pages and models have this alone.
``sha256sum --check SHA256SUMS`` in the run's folder reads it as well as :mod:`poq.verify`.
"""

from __future__ import annotations

import re
from pathlib import Path

from poq.errors import PoqError
from poq.files import write_text
from poq.provenance import file_sha256

NAME = "SHA256SUMS"
UNSEALED = (NAME, "logs", "benchmarks", "report.html", "simulation/round_log")
"""What each job writes anew, and what is made afterwards or on request."""


def seal_run(run: Path) -> None:
    """Write the seal of a finished run; see :func:`sealed_files`."""
    lines = [f"{file_sha256(run / name)}  {name}\n" for name in sealed_files(run)]
    write_text(run / NAME, "".join(lines))


def sealed_files(run: Path) -> list[str]:
    """Return the files of a run's folder, relative to it, but hidden and unsealed ones."""
    files = (path.relative_to(run) for path in run.rglob("*") if path.is_file())
    return sorted(
        str(file)
        for file in files
        if not any(part.startswith(".") for part in file.parts)
        and not any(file.is_relative_to(name) for name in UNSEALED)
    )


def read_seal(run: Path) -> dict[str, str]:
    """Return file -> SHA-256 of a run's seal.

    Raises:
        PoqError: the run has no seal, or it is damaged.
    """
    path = run / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise PoqError("found no such file; expected the seal of a finished run") from None
    except (OSError, ValueError) as error:
        raise PoqError(f"found what cannot be read ({error}); expected a seal") from error
    matches = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines]
    if None in matches:
        row = matches.index(None) + 1
        raise PoqError(f"found no checksum and file in line {row}; expected both")
    return {match[2]: match[1] for match in matches if match}
