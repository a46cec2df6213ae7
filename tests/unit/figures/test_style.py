from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from poq.figures import style


def sketch() -> Figure:
    with style.theme():
        figure, (panel,) = style.panels(1, 1, width=3, height=2, note="Note")
        style.interval(panel, 0.2, 0.4, 0, color=style.DARK)
        style.mark(panel, 0.3, 0, marker="o", color=style.DARK, label="estimate")
        style.label_points(panel, [(0.3, 0.0, "point")])
        style.heading(figure, panel, "Title")
    return figure


def lightness(color: str | tuple[float, float, float]) -> float:
    red, green, blue = to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue  # as ITU-R BT.601 turns colours grey


def test_equal_figures_are_saved_as_equal_bytes(tmp_path: Path) -> None:
    figure = sketch()
    saved = []
    for i, drawn in enumerate((figure, figure, sketch())):
        svg, png = tmp_path / f"{i}.svg", tmp_path / f"{i}.png"
        style.save(drawn, svg, png)
        saved.append((svg.read_bytes(), png.read_bytes()))
    assert saved[0] == saved[1] == saved[2]
    assert len(list(tmp_path.iterdir())) == 6  # no temporary file is left


def test_files_carry_no_date_and_need_no_font(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    style.save(sketch(), svg, png)
    text = svg.read_text("utf-8")
    assert "<dc:date>" not in text
    assert "<text" not in text
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"Software" not in png.read_bytes()


def test_the_theme_ends_with_its_block() -> None:
    import matplotlib as mpl

    before = mpl.rcParams["svg.hashsalt"]
    with style.theme():
        assert mpl.rcParams["svg.hashsalt"] == "poq"
    assert mpl.rcParams["svg.hashsalt"] == before


def test_colours_stay_apart_in_grey() -> None:
    assert lightness(style.LIGHT) - lightness(style.DARK) > 0.3
    with style.theme():
        greys = [lightness(shade) for shade in style.shades(6)]
    assert greys == sorted(greys)
    assert max(greys) < 0.75  # still dark enough on white


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.1, None), (None, 0.2)])
def test_an_interval_with_a_null_end_draws_nothing(low: float | None, high: float | None) -> None:
    panel = Figure().subplots()
    style.interval(panel, low, high, 0, color=style.DARK)
    assert len(panel.lines) == 0


@pytest.mark.parametrize("upright", [False, True])
def test_an_interval_runs_from_low_to_high(upright: bool) -> None:
    panel = Figure().subplots()
    style.interval(panel, 0.1, 0.4, 2, color=style.DARK, upright=upright)
    ends, places = ([0.1, 0.4], [2, 2])
    expected = (places, ends) if upright else (ends, places)
    assert np.asarray(panel.lines[0].get_data()).tolist() == [list(side) for side in expected]


def test_names_of_points_keep_their_distance_and_order() -> None:
    panel = Figure().subplots()
    panel.set(xlim=(0, 1), ylim=(0, 2))
    points = [(0.1, 1.0, "b"), (0.2, 1.0, "a"), (0.3, 1.8, "top"), (0.9, 0.0, "low"), (0, 0, "z")]
    style.label_points(panel, points)
    heights = {text.get_text(): text.get_position()[1] for text in panel.texts}
    # Heights are shares of 2: 1.8 is 0.9; a and b both are 0.5, so b yields by 0.075; "low" and
    # "z" are 0, so that "low" is lifted by 0.075 and "z" stays.
    assert heights == pytest.approx({"top": 0.9, "a": 0.5, "b": 0.425, "low": 0.075, "z": 0.0})


def test_counts_are_a_number_or_a_range() -> None:
    assert style.count(pl.Series([4, 4]), "prompts") == "4 prompts"
    assert style.count(pl.Series([9, 4]), "rounds") == "4 to 9 rounds"
