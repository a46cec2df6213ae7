from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poq import tables
from poq.errors import PoqError
from poq.evaluators import lexical
from poq.similarities import similarities
from tests.conftest import Frames
from tests.unit.evaluators.conftest import encoder
from tests.unit.evaluators.stand_ins import save_bi_encoder

__all__ = ["encoder"]
FIXED = {"method": "fixed", "low": 0, "high": 1}
LEXICAL = {"kind": "lexical", "compares_with": "reference", "scale": FIXED}


def outputs(frame: Frames, texts: dict[tuple[str, str], str]) -> pl.DataFrame:
    return frame(
        "outputs",
        prompt_id=[prompt for prompt, _ in texts],
        model=[node for _, node in texts],
        output=list(texts.values()),
    )


def compare(
    frame: Frames, texts: dict[tuple[str, str], str], folder: Path | None = None, **values: Any
) -> pl.DataFrame:
    return similarities({**LEXICAL, **values}, folder, outputs(frame, texts))


def test_every_pair_once_by_both_directions(frame: Frames) -> None:
    texts = {
        ("p", "c"): "old oak", ("p", "a"): "oak", ("p", "b"): "", ("q", "a"): "elm",
        ("q", "c"): "oak", ("r", "a"): "oak",
    }  # fmt: skip
    # Precision of "oak" in "old oak" is 1, of "old oak" in "oak" 1/2: mean 3/4. Empty: 0. Prompt r
    # has one output, and no pair.
    assert compare(frame, texts).rows() == [
        ("p", "a", "b", 0.0),
        ("p", "a", "c", 0.75),
        ("p", "b", "c", 0.0),
        ("q", "a", "c", 0.0),
    ]


def test_the_fixed_scale_maps_to_the_unit_interval_and_cuts(frame: Frames) -> None:
    texts = {("p", "a"): "oak", ("p", "b"): "old oak", ("p", "c"): "oak", ("p", "d"): "elm"}
    scale = {"method": "fixed", "low": 0.5, "high": 0.9}
    # a and b: (0.75 - 0.5) / 0.4; a and c: 1, cut to 1; a and d: 0, cut to 0.
    found = compare(frame, texts, scale=scale).filter(pl.col("model") == "a")
    assert found["similarity"].to_list() == pytest.approx([0.625, 1.0, 0.0])


def test_both_texts_get_the_prompt_of_outputs(frame: Frames, tmp_path: Path) -> None:
    prompts = {"query": "dog dog: ", "passage": "ran ran: "}
    folder = save_bi_encoder(tmp_path, "bert", prompts=prompts)
    encoder = {"kind": "bi_encoder", "model": "tiny", "compares_with": "context"}
    texts = {("p", "a"): "the cat sat", ("p", "b"): "the cat sat", ("p", "c"): "dog"}
    for chosen in ({}, {"output_prompt": "passage"}, {"output_prompt": None}):
        found = compare(frame, texts, folder, **encoder, **chosen)
        same, *others = found["similarity"].to_list()
        assert same == pytest.approx(1, abs=1e-6)
        assert others[0] == others[1] < 0.999


def test_two_empty_outputs_are_not_alike(frame: Frames) -> None:
    assert compare(frame, {("p", "a"): "", ("p", "b"): "  "})["similarity"].to_list() == [0.0]


def test_no_pair_is_an_empty_table(frame: Frames, tmp_path: Path) -> None:
    found = compare(frame, {("p", "a"): "oak"})
    tables.write(found, "similarities", tmp_path / "s.parquet", {})
    assert tables.read("similarities", tmp_path / "s.parquet").is_empty()


def test_a_fitted_scale_is_refused(frame: Frames) -> None:
    with pytest.raises(PoqError, match="fitted scale; expected a fixed one"):
        compare(frame, {("p", "a"): "oak"}, scale={"method": "fitted"})


def test_prompts_that_do_not_fit_at_once_are_compared_in_parts(
    frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {(f"p{i}", node): f"oak {i} {node * i}" for i in range(5) for node in "abcd"}
    whole = compare(frame, texts)
    calls: list[int] = []
    monkeypatch.setattr("poq.similarities.AT_ONCE", 13)

    def precision(first: list[str], second: list[str]) -> Any:
        calls.append(len(first))
        return original(first, second)

    original = lexical.precision
    monkeypatch.setattr(lexical, "precision", precision)
    assert compare(frame, texts).equals(whole)
    # Two prompts of six pairs at a time, both directions in one call; the last prompt alone.
    assert calls == [24, 24, 12]


def test_an_embedding_takes_both_texts_alike(frame: Frames, encoder: Path) -> None:
    texts = {("p", "a"): "red boat", ("p", "b"): "red boat", ("p", "c"): "green"}
    values = {"kind": "bi_encoder", "model": "m", "scale": {**FIXED, "low": -1}}
    found = compare(frame, texts, encoder, **values)["similarity"].to_list()
    # Equal texts have cosine 1, which is 1 on any scale that ends there.
    assert found[0] == pytest.approx(1.0)
    assert found[1] == pytest.approx(found[2])
    assert 0 <= found[1] < 1
