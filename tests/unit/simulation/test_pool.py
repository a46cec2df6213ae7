from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from poq.errors import PoqError
from poq.simulation.pool import Pool, build_pool, read_pool
from poq.tables import write
from tests.conftest import Frames


def pool_of(*columns: list[float]) -> Pool:
    """One node for each evaluator; a column holds its scores of outputs of one inference node."""
    scores = np.array(columns, dtype=float).T[:, None, :]
    prompts, _, evaluators = scores.shape
    return Pool(
        scores=scores,
        quality=np.full((prompts, 1), 0.5),
        task=np.zeros(prompts, dtype=np.int64),
        inference_costs=np.zeros((1, 1)),
        evaluator_costs=np.zeros((1, evaluators)),
        inference_nodes=("m",),
        evaluators=tuple(f"e{i}" for i in range(evaluators)),
        evaluator_of=np.arange(evaluators),
        noise=np.zeros(evaluators),
    )


UP, DOWN, HILL = [1.0, 2, 3, 4], [4.0, 3, 2, 1], [1.0, 2, 2, 1]


def test_nodes_are_dealt_in_turn() -> None:
    pool = pool_of(UP, DOWN, HILL).with_nodes(7, noise=0.5)
    np.testing.assert_array_equal(pool.evaluator_of, [0, 1, 2, 0, 1, 2, 0])
    np.testing.assert_array_equal(pool.noise, [0.5] * 7)


def test_clones_are_one_evaluator() -> None:
    assert pool_of(UP).with_nodes(50).effective_evaluators() == pytest.approx(1)
    # an exact opposite tells nothing new either
    assert pool_of(UP, DOWN).with_nodes(50).effective_evaluators() == pytest.approx(1)


def test_uncorrelated_evaluators_all_count() -> None:
    # (-1.5, -.5, .5, 1.5) times (-.5, .5, .5, -.5) sums to 0
    assert pool_of(UP, HILL).effective_evaluators() == pytest.approx(2)
    # twice each: 16 / (4 * 2 + 4 * 0 + ...): pairs of clones have r = 1: 16 / 8
    assert pool_of(UP, HILL).with_nodes(4).effective_evaluators() == pytest.approx(2)


def test_noise_makes_clones_independent() -> None:
    # variance of 1, 2, 3, 4 is 1.25; noise of the same variance: r = 1/2 between clones;
    # 2 nodes: 4 / (2 + 2 / 4) = 1.6
    noisy = pool_of(UP).with_nodes(2, noise=np.sqrt(1.25))
    assert noisy.effective_evaluators() == pytest.approx(1.6)


def test_it_is_the_participation_ratio_of_eigenvalues() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(5, 1, (4, 30)) + rng.normal(0, 1, 30)
    pool = pool_of(*np.clip(columns, 0, 10).tolist())
    values = np.linalg.eigvalsh(np.corrcoef(np.clip(columns, 0, 10)))
    assert pool.effective_evaluators() == pytest.approx(values.sum() ** 2 / (values**2).sum())


def test_a_constant_evaluator_correlates_with_none() -> None:
    assert pool_of(UP, [5.0] * 4).effective_evaluators() == pytest.approx(2)


def test_missing_scores() -> None:
    nan = float("nan")
    # on the common outputs 1, 2, 3 and 2, 4, 6 correlate fully
    assert pool_of(UP, [2, 4, 6, nan]).effective_evaluators() == pytest.approx(1)
    assert pool_of([1, 2, nan, nan], [nan, nan, 2, 1]).effective_evaluators() == pytest.approx(2)


def test_rosters_hold_the_nodes_that_have_a_score() -> None:
    nan = float("nan")
    pool = pool_of([1, 2, nan], [1, 2, 3]).with_nodes(4)
    roster_of, ends, nodes = pool.rosters
    rosters = [nodes[a:b].tolist() for a, b in pairwise(ends)]
    assert [rosters[i] for i in roster_of[:, 0]] == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 3]]


def test_ranks_of_quality() -> None:
    pool = replace(pool_of(UP), quality=np.array([[0.1], [0.4], [0.4], [0.9]]))
    # midranks 1, 2.5, 2.5, 4 of 4
    np.testing.assert_allclose(pool.ranks[:, 0], [-0.25, 0.125, 0.125, 0.5])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scores", np.full((4, 1, 1), 11.0), "scores holds a value outside of [0, 10]"),
        ("quality", np.full((3, 1), 0.5), "quality has shape (3, 1); expected (4, 1)"),
        ("noise", np.array([-1.0]), "noise holds a value outside of"),
        ("evaluator_of", np.array([1]), "evaluator_of holds a value outside of [0, 0]"),
    ],
)
def test_arrays_that_do_not_fit_are_told(field: str, value: Any, message: str) -> None:
    with pytest.raises(PoqError) as error:
        replace(pool_of(UP), **{field: value})
    assert message in str(error.value)


def tables(frame: Frames) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Two prompts of the test split, two inference nodes, evaluators e1 and e2."""
    keys = [(p, m, e) for p in ("qa:1", "qa:2") for m in ("m1", "m2") for e in ("e1", "e2")]
    prompt, model, evaluator = (list(column) for column in zip(*keys, strict=True))
    scores = frame(
        "scores",
        prompt_id=prompt,
        model=model,
        evaluator=evaluator,
        task="qa",
        split="test",
        score=[float(i) for i in range(8)],
    )
    outputs = [("qa:1", "m1"), ("qa:1", "m2"), ("qa:2", "m1"), ("qa:2", "m2")]
    quality = frame(
        "reference_quality",
        prompt_id=[p for p, _ in outputs],
        model=[m for _, m in outputs],
        token_f1=[0.1, 0.2, 0.3, 0.4],
    )
    costs = frame(
        "costs",
        node=["m1", "m2", "e1", "e2"],
        kind=["inference", "inference", "evaluator", "evaluator"],
        task="qa",
        cost=[0.0, 1.0, 0.25, 0.75],
    )
    return scores, quality, costs


def test_a_pool_is_built_from_tables(frame: Frames) -> None:
    pool = build_pool(
        *tables(frame), reference={"qa": "token_f1"}, evaluators=["e1", "e2"], nodes=3
    )
    np.testing.assert_array_equal(pool.scores, np.arange(8.0).reshape(2, 2, 2))
    np.testing.assert_allclose(pool.quality, [[0.1, 0.2], [0.3, 0.4]])
    np.testing.assert_allclose(pool.evaluator_costs, [[0.25, 0.75]])
    np.testing.assert_array_equal(pool.evaluator_of, [0, 1, 0])
    assert pool.inference_nodes == ("m1", "m2")


def test_a_named_quality_is_the_reference_though_an_evaluator_has_its_name(frame: Frames) -> None:
    scores, quality, costs = tables(frame)
    named = quality.with_columns(e1=1 - pl.col("token_f1"))
    pool = build_pool(scores, named, costs, reference={"qa": "e1"}, evaluators=["e1", "e2"])
    np.testing.assert_allclose(pool.quality, [[0.9, 0.8], [0.7, 0.6]])


def test_a_pool_is_read_from_files(frame: Frames, tmp_path: Path) -> None:
    options: dict[str, Any] = {"reference": {"qa": "token_f1"}, "evaluators": ["e1", "e2"]}
    scores, quality, costs = tables(frame)
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("e1", "e2", "quality", "costs")}
    for name in ("e1", "e2"):
        write(scores.filter(evaluator=name), "scores", paths[name], {})
    write(quality, "reference_quality", paths["quality"], {})
    write(costs, "costs", paths["costs"], {})
    found = read_pool([paths["e1"], paths["e2"]], paths["quality"], paths["costs"], **options)
    np.testing.assert_array_equal(found.scores, build_pool(*tables(frame), **options).scores)


def test_an_evaluator_without_a_score_in_the_split_has_no_node(frame: Frames) -> None:
    scores, quality, costs = tables(frame)
    options: dict[str, Any] = {"reference": {"qa": "token_f1"}, "evaluators": ["e1", "e2"]}
    given = pl.when((pl.col("evaluator") != "e1") & (pl.col("prompt_id") == "qa:1"))
    partly = scores.with_columns(score=given.then("score"))
    pool = build_pool(partly, quality, costs, nodes=3, **options)
    assert pool.evaluators == ("e2",)
    np.testing.assert_array_equal(pool.evaluator_of, [0, 0, 0])
    np.testing.assert_allclose(pool.evaluator_costs, [[0.75]])
    # it has scores of the first prompt alone, and cannot be drawn for the second
    np.testing.assert_array_equal(np.isnan(pool.scores[..., 0]), [[False, False], [True, True]])
    with pytest.raises(PoqError, match="no evaluator of the pool has a score of the test split"):
        build_pool(scores.with_columns(score=pl.lit(None, pl.Float64)), quality, costs, **options)


def test_the_split_is_chosen(frame: Frames) -> None:
    scores, quality, costs = tables(frame)
    options: dict[str, Any] = {"reference": {"qa": "token_f1"}, "evaluators": ["e1", "e2"]}
    first = pl.when(pl.col("prompt_id") == "qa:1").then(pl.lit("calibration")).otherwise("split")
    scores = scores.with_columns(split=first)
    pools = [
        build_pool(scores, quality, costs, split=split, **options)
        for split in ("calibration", "test")
    ]
    assert [pool.prompts for pool in pools] == [("qa:1",), ("qa:2",)]
    np.testing.assert_allclose(pools[0].quality, [[0.1, 0.2]])


def test_tables_that_do_not_fit_are_told(frame: Frames) -> None:
    scores, quality, costs = tables(frame)
    options: dict[str, Any] = {"reference": {"qa": "token_f1"}, "evaluators": ["e1", "e2"]}
    with pytest.raises(PoqError, match=r"scores: 3 outputs.*2 inference nodes.*2 prompts"):
        build_pool(scores.head(6), quality, costs, **options)
    with pytest.raises(PoqError, match="reference_quality: an output of the test split has none"):
        build_pool(scores, quality.head(3), costs, **options)
    with pytest.raises(PoqError, match=r"costs: nodes \['e2'\] have no cost"):
        build_pool(scores, quality, costs.head(3), **options)


def test_over_some_prompts(pool: Pool) -> None:
    named = replace(pool, prompts=tuple("abcdefg"))
    found = named.over(np.array([2, 0, 2]))
    assert found.prompts == ("c", "a", "c")
    np.testing.assert_array_equal(found.scores, pool.scores[[2, 0, 2]])
    np.testing.assert_array_equal(found.quality[1], pool.quality[0])
    assert found.task.tolist() == [0, 0, 0]  # of 0 1 0 1 0 1 0
    assert pool.over(np.array([1])).prompts == ()
