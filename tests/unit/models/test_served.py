from poq.models.served import Served, served_of


def test_node_without_a_model_computes_in_nothing() -> None:
    class Holds:
        served = Served("bfloat16", "sdpa")

    assert served_of(Holds()) == ("bfloat16", "sdpa")
    assert served_of(lambda: None) == (None, None)
