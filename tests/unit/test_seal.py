from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from poq.errors import PoqError
from poq.seal import NAME, read_seal, seal_run

# SHA-256 of "abc", FIPS 180-2, appendix B.1
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder with two files that are sealed, and some that are not."""
    for name in (
        "a.txt",
        "figures/b c.svg",
        "logs/a.log",
        "benchmarks/a.tsv",
        "report.html",
        ".checkpoints/outputs/1.json",
        ".a.txt.01234567.partial",
        "simulation/round_log/median/0.parquet",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("abc")
    seal_run(tmp_path)
    return tmp_path


def test_every_file_of_the_run_is_sealed(run: Path) -> None:
    assert read_seal(run) == {"a.txt": ABC, "figures/b c.svg": ABC}
    seal_run(run)  # again, and not its own seal
    assert read_seal(run).keys() == {"a.txt", "figures/b c.svg"}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_reads_it(run: Path) -> None:
    def check() -> int:
        command = ["sha256sum", "--check", "--strict", NAME]
        return subprocess.run(command, cwd=run, capture_output=True, check=False).returncode

    assert check() == 0
    (run / "a.txt").write_text("abd")
    assert check() == 1


def test_a_missing_and_a_damaged_seal_are_told(run: Path) -> None:
    (run / NAME).write_text(f"{ABC}  a.txt\nba78  b\n")
    with pytest.raises(PoqError, match="found no checksum and file in line 2"):
        read_seal(run)
    (run / NAME).unlink()
    with pytest.raises(PoqError, match="found no such file; expected the seal"):
        read_seal(run)
