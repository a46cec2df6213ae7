"""A judge against a server that fails, killed in the middle: nothing lost, invented or paid twice.

Run with ``-s`` to see the figures.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from poq.endpoint.ledger import Spending
from poq.evaluators import judge
from tests.conftest import ROOT, Frames
from tests.unit.endpoint.fault_server import INPUT_TOKENS, OUTPUT_TOKENS, FaultServer

REQUESTS = 200
CLIENT = """
import json, sys
import polars as pl
from poq.checkpoint import Checkpoint
from poq.scoring import load_evaluator, score_outputs

values, folder = json.loads(sys.argv[1]), sys.argv[2]
prompts, outputs = (pl.read_parquet(f"{folder}/{n}.parquet") for n in ("prompts", "outputs"))
settings, judge = load_evaluator(values, None)
pieces = Checkpoint(f"{folder}/pieces", {})
scores = score_outputs(
    "judge", judge, settings, prompts, outputs, seed=1, chunk=1000, checkpoint=pieces
)
scores.write_parquet(f"{folder}/scores.parquet")
"""


def test_no_score_is_lost_invented_or_paid_for_twice(tmp_path: Path, frame: Frames) -> None:
    ids = [f"qa:{i:03}" for i in range(REQUESTS)]
    prompts = frame("prompts", prompt_id=ids, task="qa", question="Why?", context="So.")
    texts = [f"answer {i} " + "x" * (i % 13) for i in range(REQUESTS)]
    outputs = frame("outputs", prompt_id=ids, output=texts)
    prompts.write_parquet(tmp_path / "prompts.parquet")
    outputs.write_parquet(tmp_path / "outputs.parquet")
    server = FaultServer(stall=0.6, delay=0.02)
    endpoint = {
        "base_url": server.base_url,
        "model": "m",
        "api_key_variable": None,
        "concurrency": 8,
        "timeout": 0.4,
        "retries": 8,
        "backoff": 0.02,
        "cache": str(tmp_path / "cache"),
    }
    values = {"kind": "judge", "compares_with": "question", "endpoint": endpoint}
    command = [sys.executable, "-c", CLIENT, json.dumps(values), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 60
        while len(server.billed) < REQUESTS // 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
    assert not (tmp_path / "scores.parquet").exists()
    time.sleep(0.7)  # what was in flight ends at the server
    at_kill = len(server.billed)
    kept = len(list((tmp_path / "cache").rglob("*.json")))
    assert REQUESTS // 2 <= at_kill < REQUESTS
    assert at_kill - kept <= 8  # at most `concurrency` answers were in flight
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)

    scores = pl.read_parquet(tmp_path / "scores.parquet")
    found = dict(scores.select("prompt_id", "raw").iter_rows())
    rubric = judge.load_rubric(ROOT / "resources" / "rubrics" / "grade.txt")
    asked = {
        prompt_id: judge.request(rubric, "Why?", text)["messages"][0]["content"]
        for prompt_id, text in zip(ids, texts, strict=True)
    }
    expected = {prompt_id: server.given.get(content) for prompt_id, content in asked.items()}
    assert found == expected
    missing = scores.filter(pl.col("missing").is_not_null())
    assert missing["missing"].str.contains("the answer is no JSON, in 3 attempts").all()
    assert set(server.billed.values()) == {1}
    # A garbled answer is asked for again, which is another request: it is billed by itself.
    garbled = sum(b"I would say" in answer for answer in server.answers.values())
    assert len(server.billed) == REQUESTS - len(missing) + garbled
    client = judge.load(judge.Settings.model_validate(values), None, "cpu").client  # type: ignore[attr-defined]
    spent, real = client.ledger.spent(), len(server.billed)
    # The ledger never says too little: an attempt without an answer counts, whatever the key makes
    # of it, and a kill leaves at most `concurrency` reservations.
    unanswered = server.fates["timeout"] + server.fates["drop"]
    assert real <= spent.requests <= real + unanswered + 8
    assert spent.input_tokens >= real * INPUT_TOKENS
    assert spent.output_tokens >= real * OUTPUT_TOKENS
    for fault in ("429", "500", "timeout", "drop", "garbage"):
        assert server.fates[fault] > 0, fault
    before = server.fates.total()
    shutil.rmtree(tmp_path / "pieces")
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert server.fates.total() == before  # a rerun asks nothing
    figures = {
        "requests": REQUESTS,
        "attempts": server.fates.total(),
        **dict(sorted(server.fates.items())),
        "billed when killed": at_kill,
        "answers kept when killed": kept,
        "billed": real,
        "billed twice": sum(n > 1 for n in server.billed.values()),
        "scores": REQUESTS - len(missing),
        "missing": len(missing),
        "ledger": Spending(*spent)._asdict(),
    }
    print("\n" + json.dumps(figures, indent=1))  # noqa: T201
