from poq.pooled import pooled_reference, references_of, with_pooled
from tests.conftest import Frames


def test_pooled_every_output_has_its_own_tasks_reference(frame: Frames) -> None:
    rows = frame(
        "reference_quality",
        prompt_id=["a", "b"],
        task=["qa", "summarization"],
        token_f1=[0.1, 0.2],
        rougeL=[0.3, 0.4],
    )
    same = {"qa": "rougeL", "summarization": "rougeL"}
    assert pooled_reference(same) == "rougeL"
    assert with_pooled(rows, same).equals(rows)
    differ = {"qa": "token_f1", "summarization": "rougeL"}
    assert with_pooled(rows, differ)[pooled_reference(differ)].to_list() == [0.1, 0.4]
    assert pooled_reference(differ) == "rougeL+token_f1"
    names = ["token_f1", "rougeL", "rougeL+token_f1"]
    assert references_of("pooled", names) == names
    assert references_of("qa", names) == ["token_f1", "rougeL"]
