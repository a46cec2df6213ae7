from pathlib import Path

import numba
import pytest

from poq.errors import PoqError
from poq.simulation import kernel
from poq.simulation.compilation import compile_ahead, is_cached, kernel_of
from tests.unit.simulation.conftest import MakeCell


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give numba, here and in processes started from here, a cache without anything in it."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel, "specialize", kernel.specialize.__wrapped__)


def test_a_kernel_is_for_a_rule_an_update_and_k(make_cell: MakeCell) -> None:
    cells = [make_cell(attack=attack, malicious_ratio=0.1) for attack in ("noise", "lazy")]
    assert {kernel_of(cell) for cell in cells} == {("mean", "published", 5)}


@pytest.mark.usefixtures("empty_cache")
def test_several_kernels_are_compiled_ahead(make_cell: MakeCell) -> None:
    cells = [make_cell(rule, evaluators_per_round=1) for rule in ("mean", "median")]
    compile_ahead(cells[:1], processes=2)  # one alone is compiled when it is called
    compile_ahead(cells, processes=1)
    assert not any(is_cached(*kernel_of(cell)) for cell in cells)
    compile_ahead(cells, processes=2)
    assert all(is_cached(*kernel_of(cell)) for cell in cells)


@pytest.mark.usefixtures("empty_cache")
def test_a_cache_that_cannot_be_written_anywhere_is_told(
    monkeypatch: pytest.MonkeyPatch, make_cell: MakeCell
) -> None:
    # only the folder of NUMBA_CACHE_DIR may be used, and it is none
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    with pytest.raises(PoqError, match="expected a writable folder in NUMBA_CACHE_DIR"):
        compile_ahead([make_cell()], processes=1)
