from __future__ import annotations

import errno
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from poq.errors import PoqError
from poq.provenance import ROOT
from poq.stages import stage


def test_records_go_to_the_log(tmp_path: Path) -> None:
    with stage(tmp_path / "logs" / "a.log"):
        logging.getLogger("poq.test").info("half way")
    assert "half way" in (tmp_path / "logs" / "a.log").read_text()


def test_user_error_is_one_message_and_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, stage(tmp_path / "a.log"):
        raise PoqError("prompts.jsonl, row 3: the context is empty")
    assert ended.value.code == 1
    message = "error: prompts.jsonl, row 3: the context is empty"
    assert capsys.readouterr().err == message + "\n"
    log = (tmp_path / "a.log").read_text()
    assert message in log
    assert "Traceback" not in log


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), stage(tmp_path / "a.log"):
        _ = 1 / 0
    log = (tmp_path / "a.log").read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError" in log


def test_linear_algebra_runs_on_one_thread(tmp_path: Path) -> None:
    assert np.ones(2) @ np.ones(2) == 2  # loads the library that threadpool_info looks for
    with stage(tmp_path / "a.log"):
        threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    assert threads == {1}


def test_a_full_disk_is_one_message_even_for_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").symlink_to("/dev/full")  # answers every write as a full disk does
    with pytest.raises(SystemExit), stage(tmp_path / "a.log"):
        logging.getLogger("poq.test").info("half way")
        raise OSError(errno.ENOSPC, "No space left on device", "results/a")
    assert capsys.readouterr().err == "error: results/a: No space left on device\n"
    logging.getLogger().handlers.clear()  # the next stage would close it, and try to write again


def test_what_a_message_quotes_moves_no_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "x\x1b]0;owned\x07\u202e\ud800\nnext\tline"
    shown = "x\\u001b]0;owned\\u0007\\u202e\\ud800\nnext\tline"
    with pytest.raises(SystemExit), stage(tmp_path / "a.log"):
        logging.getLogger("poq.test").warning("found %s", hostile)
        raise PoqError(hostile)
    assert capsys.readouterr().err == f"error: {shown}\n"
    log = (tmp_path / "a.log").read_text(encoding="utf-8")
    assert f"found {shown}" in log
    assert f"error: {shown}" in log


def test_neither_does_a_traceback(tmp_path: Path) -> None:
    code = f"""
from poq.stages import stage
with stage({str(tmp_path / "a.log")!r}):
    raise ValueError("x\\x1b[2J\\u202e")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False
    )
    assert result.returncode == 1
    for text in (result.stderr.decode(), (tmp_path / "a.log").read_text()):
        assert "Traceback" in text
        assert "ValueError: x\\u001b[2J\\u202e" in text
