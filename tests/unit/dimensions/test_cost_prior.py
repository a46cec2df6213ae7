from tests.conftest import Frames
from tests.unit.dimensions.conftest import MakeInputs, Measure


def test_cheap_is_good_and_an_unknown_cost_is_null(
    frame: Frames, inputs: MakeInputs, measure: Measure
) -> None:
    costs = frame(
        "costs",
        node=["a", "a", "b"],
        kind=["inference", "evaluator", "inference"],
        task=["qa", "qa", "qa"],
        cost=[0.25, 0.5, 0.0],
    )
    given = inputs({("q1", "a"): "x", ("q1", "b"): "", ("s1", "a"): "x"}, costs=costs)
    # 1 - 0.25; an evaluator of the same name is another node; b is the cheapest.
    assert measure("cost_prior", given) == {("q1", "a"): 0.75, ("q1", "b"): 1.0, ("s1", "a"): None}
