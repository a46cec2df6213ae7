"""Several jobs ask one endpoint at once, as the shards of a judge do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from poq.endpoint.client import Client
from poq.endpoint.settings import EndpointSettings
from tests.conftest import ROOT
from tests.unit.endpoint.fault_server import FaultServer, grade

JOB = """
import json, sys
from poq.endpoint.client import Client
from poq.endpoint.settings import EndpointSettings
from poq.errors import PoqError
from poq.evaluators.judge import read_grade
from tests.unit.endpoint.asking import ask

texts = json.loads(sys.argv[2])
bodies = [{"messages": [{"role": "user", "content": t}], "max_tokens": 16} for t in texts]
client = Client(EndpointSettings.model_validate_json(sys.argv[1]), None)
client.connect()
print("ready", flush=True)
sys.stdin.readline()
try:
    print(json.dumps(ask(client, bodies, read_grade, show=False)))
except PoqError as error:
    print(json.dumps(str(error)))
"""


def ask_at_once(settings: dict[str, Any], asked: list[list[str]]) -> list[Any]:
    """Return what each job got, all of them having begun together."""
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, json.dumps(settings), json.dumps(texts)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for texts in asked
    ]
    for job in jobs:
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
    for job in jobs:
        assert job.stdin is not None
        job.stdin.write("go\n")
        job.stdin.flush()
    return [json.loads(job.communicate(timeout=60)[0]) for job in jobs]


def endpoint(server: FaultServer, folder: Path, **values: Any) -> dict[str, Any]:
    return {
        "base_url": server.base_url,
        "model": "m",
        "api_key_variable": None,
        "cache": str(folder / "cache"),
        **values,
    }


def test_equal_requests_of_jobs_at_once_are_sent_once(tmp_path: Path) -> None:
    server = FaultServer({}, delay=0.3)
    texts = ["x" * n for n in range(1, 13)]
    # All three ask for the last six; the others each asks for alone.
    asked = [texts[2 * i : 2 * i + 2] + texts[6:] for i in range(3)]
    found = ask_at_once(endpoint(server, tmp_path), asked)
    assert found == [[grade(text) for text in of] for of in asked]
    assert server.fates.total() == len(server.billed) == 12


def test_jobs_at_once_keep_to_one_budget(tmp_path: Path) -> None:
    server = FaultServer({}, delay=0.05)
    settings = endpoint(server, tmp_path, budget={"requests": 10})
    asked = [["x" * (10 * i + n) for n in range(1, 9)] for i in range(3)]
    found = ask_at_once(settings, asked)
    assert any("might break the budget of 10 requests" in str(of) for of in found)
    assert len(server.billed) == server.fates.total() == 10
    client = Client(EndpointSettings.model_validate(settings), None)
    assert client.ledger.spent().requests == 10
