from __future__ import annotations

from poq.models.size import ModelSize, parameters, size_of, weight_bytes


def test_weights_that_layers_share_count_once() -> None:
    import torch

    embedding = torch.nn.Embedding(5, 3, dtype=torch.bfloat16)
    head = torch.nn.Linear(3, 5, bias=False, dtype=torch.bfloat16)
    head.weight = embedding.weight
    network = torch.nn.ModuleList([embedding, head, torch.nn.LayerNorm(3)])
    # 5 * 3 shared weights of 2 bytes, 3 + 3 of the norm of 4 bytes.
    assert parameters(network) == 21
    assert weight_bytes(network) == 2 * 15 + 4 * 6


def test_quantised_copy_of_shared_weights_is_counted() -> None:
    import torch

    embedding, head = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5)
    head.weight = embedding.weight
    network = torch.nn.ModuleList([embedding, head])
    torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
        network, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
    )
    # The embedding's 15 weights of 4 bytes, their copy of 1 byte, and 5 biases of 4 bytes.
    assert weight_bytes(network) == 4 * 15 + 15 + 4 * 5


def test_what_holds_no_model_has_no_size() -> None:
    class Held:
        def size(self) -> ModelSize:
            return ModelSize(2, 4)

    assert size_of(Held()) == (2, 4)
    assert size_of(lambda: None) is None
