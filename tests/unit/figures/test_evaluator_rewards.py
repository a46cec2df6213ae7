from poq.figures import evaluator_rewards
from tests.unit.figures.conftest import Rewards


def test_only_evaluator_nodes_are_shown(rewards: Rewards) -> None:
    table = rewards(
        ("a", "inference", "pooled", 0.5, 0.2, 0.4), ("e", "evaluator", "pooled", 0.9, 0.1, 0.8)
    )
    frame = evaluator_rewards.data({"rewards": table}, {"qa": "token_f1"})
    assert frame["node"].unique().to_list() == ["e"]
    figure = evaluator_rewards.draw(frame)
    assert figure.legends[0].get_title().get_text() == evaluator_rewards.TITLE
    assert figure.axes[0].get_ylabel() == "evaluator node"
    assert "quality (1 - deviation)" in figure.axes[1].get_xlabel()
