from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poq import hardware

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


NATIVE = "from poq import hardware; print(hardware.native_bfloat16())"


def native_bfloat16(**variables: str) -> bool:
    """Return what a process without a CUDA device finds, given oneDNN's variables alone."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    }
    result = subprocess.run(
        [sys.executable, "-c", NATIVE],
        capture_output=True,
        text=True,
        check=True,
        env=kept | {"CUDA_VISIBLE_DEVICES": ""} | variables,
    )
    return {"True": True, "False": False}[result.stdout.strip()]


def test_cpu_without_avx512_has_no_bfloat16() -> None:
    assert not native_bfloat16(ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/cpuinfo")
def test_cpu_has_bfloat16_if_it_lists_the_instructions() -> None:
    flags = Path("/proc/cpuinfo").read_text().split()
    assert native_bfloat16() == bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))


@pytest.mark.parametrize(
    ("instructions", "onednn", "native"),
    [
        (["avx512_f", "avx512_bf16"], True, True),
        (["amx_bf16"], True, True),
        (["neon", "bf16"], True, True),
        # Skylake: oneDNN supports bfloat16 on any AVX-512, by converting it.
        (["avx512_f"], True, False),
        (["avx512_bf16"], False, False),
    ],
)
def test_bfloat16_needs_instructions_and_a_library_that_uses_them(
    monkeypatch: pytest.MonkeyPatch, instructions: list[str], onednn: bool, native: bool
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(instructions, True))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    assert hardware.native_bfloat16() == native


@pytest.mark.parametrize("native", [True, False])
def test_gpu_that_only_emulates_bfloat16_has_none(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    import torch

    def supported(including_emulation: bool = True) -> bool:
        return including_emulation or native

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert hardware.native_bfloat16() == native
