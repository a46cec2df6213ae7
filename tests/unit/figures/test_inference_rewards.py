from poq.figures import inference_rewards
from tests.unit.figures.conftest import Rewards


def test_only_inference_nodes_are_shown(rewards: Rewards) -> None:
    table = rewards(
        ("a", "inference", "pooled", 0.5, 0.2, 0.4), ("e", "evaluator", "pooled", 0.9, 0.1, 0.8)
    )
    frame = inference_rewards.data({"rewards": table}, {"qa": "token_f1"})
    assert frame["node"].unique().to_list() == ["a"]
    figure = inference_rewards.draw(frame)
    assert figure.legends[0].get_title().get_text() == inference_rewards.TITLE
    assert figure.axes[0].get_ylabel() == "inference node"
    assert "quality (consensus / 10)" in figure.axes[1].get_xlabel()
