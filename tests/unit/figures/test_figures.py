import subprocess
import sys

import pytest

from poq import figures
from poq.errors import PoqError
from poq.schema import TABLES

NAMES = figures.names()


def test_names_are_the_modules_that_draw_a_figure() -> None:
    assert {"attack_heatmap", "quality_cost", "trust_trajectories"} <= set(NAMES)
    assert not {"style", "reward_panels", "robustness_cells"} & set(NAMES)
    assert sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_title_and_reads_known_tables(name: str) -> None:
    module = figures.load(name)
    assert module.TITLE
    assert set(module.TABLES) <= set(TABLES)
    assert callable(module.data)
    assert callable(module.draw)


@pytest.mark.parametrize("name", ["pie_chart", "style", "../evaluator_rewards"])
def test_an_unknown_figure_is_named_with_those_that_exist(name: str) -> None:
    with pytest.raises(PoqError, match=r"expected one of alignment_curves, .*quality_cost"):
        figures.load(name)


def test_finding_and_loading_figures_imports_no_plotting_library() -> None:
    code = (
        "import sys; from poq import figures; [figures.load(name) for name in figures.names()]; "
        "print(sorted({'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_has_a_caption(name: str) -> None:
    caption = figures.caption(name)
    for part in ("How to read it", "Intervals", "confidence interval", "What it cannot show"):
        assert part in caption
