from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_TORCH = """
import sys
from poq import hardware
from poq.scoring import load_evaluator, raw_values
hardware.use_threads(1, model=False)
_, scorer = load_evaluator({"kind": "lexical", "compares_with": "context"}, None)
assert raw_values(scorer, ["a b"], [["a b"]]).values.tolist() == [1.0]
hardware.synchronize()
assert hardware.peak_memory() > 0
assert hardware.describe(1).endswith("1 thread(s), no accelerator")
assert "torch" not in sys.modules
"""
OBEYS = """
import os
os.environ["OMP_NUM_THREADS"] = "2"
import torch
assert torch.get_num_threads() == 2
from poq import hardware
hardware.use_threads(1)
assert (torch.get_num_threads(), hardware.threads()) == (1, 1)
"""


@pytest.mark.parametrize("program", [WITHOUT_TORCH, OBEYS], ids=["without a model", "with one"])
def test_torch_is_loaded_for_models_alone_and_obeys(program: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
