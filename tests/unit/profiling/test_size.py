from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from poq.profiling.size import model_size


def test_every_element_of_every_tensor_counts(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    files = tmp_path / "a.safetensors", tmp_path / "part" / "b.safetensors"
    save_file({"x": np.zeros((2, 3), np.float32), "scale": np.ones(1, np.float32)}, files[0])
    save_file({"y": np.zeros((4, 5), np.float16)}, files[1])
    (tmp_path / "config.json").write_text("{}")
    # 2 x 3 + 1 + 4 x 5
    assert model_size(tmp_path) == {
        "parameters": 27,
        "model_bytes": sum(file.stat().st_size for file in files),
    }


def test_a_node_without_a_model_has_no_size() -> None:
    assert model_size(None) == {"parameters": None, "model_bytes": None}
