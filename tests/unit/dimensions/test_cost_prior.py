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


def test_what_was_not_measured_has_no_prior(
    frame: Frames, inputs: MakeInputs, measure: Measure
) -> None:
    # A log that tells neither cost nor latency, and a free rider that was timed: both cost 0.
    costs = frame(
        "costs",
        node=["a", "b", "lead", "c"],
        kind="inference",
        task=["summarization", "summarization", "qa", "qa"],
        n=[0, 0, 10, 10],
        cost=[0.0, 0.0, 0.0, 1.0],
    )
    outputs = {("s1", "a"): "x", ("s1", "b"): "x", ("q1", "lead"): "x", ("q1", "c"): "x"}
    assert measure("cost_prior", inputs(outputs, costs=costs)) == {
        ("s1", "a"): None, ("s1", "b"): None, ("q1", "lead"): 1.0, ("q1", "c"): 0.0,
    }  # fmt: skip
