from __future__ import annotations

import pytest

from poq.errors import PoqError
from poq.models.selection import chosen, place

GB = 10**9


def take(*names: str, files: tuple[str, ...] = (), keep_gguf: bool = False) -> list[str]:
    """Return the choice of files of a repository, each of 1.5 GB."""
    return chosen(dict.fromkeys(names, GB * 3 // 2), files, keep_gguf=keep_gguf)


@pytest.mark.parametrize(
    ("left_out", "names"),
    [
        # as in mistralai/Mistral-7B-Instruct-v0.3
        (
            ["consolidated.safetensors", "README.md"],
            ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
             "model.safetensors.index.json", "params.json", "tokenizer.model.v3.json"],
        ),
        # as in meta-llama/Llama-3.2-3B-Instruct
        (
            ["original/params.json", "original/tokenizer.model", "original/consolidated.00.pth"],
            ["config.json", "model-00001-of-00001.safetensors", "tokenizer.json"],
        ),
        # as in openai/gpt-oss-20b
        (
            ["metal/model.bin", "original/model.safetensors", "original/config.json"],
            ["chat_template.jinja", "model-00000-of-00001.safetensors"],
        ),
        # as in sentence-transformers/all-MiniLM-L6-v2
        (
            ["onnx/model.onnx", "pytorch_model.bin", "tf_model.h5", "rust_model.ot"],
            ["1_Pooling/config.json", "model.safetensors", "vocab.txt"],
        ),
        # as in sentence-transformers/LaBSE, with a dense layer of its own
        ([], ["2_Dense/config.json", "2_Dense/model.safetensors", "model.safetensors"]),
        # as in sentence-transformers/static-retrieval-mrl-en-v1
        ([], ["0_StaticEmbedding/model.safetensors", "modules.json"]),
        # one file and its parts, two precisions
        (
            ["model-00001-of-00001.safetensors", "model.fp16.safetensors"],
            ["config.json", "model.safetensors"],
        ),
        # safetensors and quantisations of them
        (["a.Q4_K_M.gguf", "a.Q8_0.gguf"], ["config.json", "model.safetensors"]),
        # weights under a name of their own
        ([], ["embeddings.safetensors", "tokenizer.json"]),
        # GGUF alone
        ([".gitattributes", "README.md"], ["a.gguf"]),
    ],
)  # fmt: skip
def test_one_set_of_weights_is_taken(left_out: list[str], names: list[str]) -> None:
    assert take(*names, *left_out) == names


def test_gguf_is_taken_where_it_is_to_be_kept() -> None:
    names = ("a.gguf", "config.json", "model.safetensors")
    assert take(*names, keep_gguf=True) == ["a.gguf", "config.json"]


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (("*Q4_K_M.gguf",), ["b/x-Q4_K_M.gguf", "config.json"]),
        (("b/x-Q4_K_M.gguf",), ["b/x-Q4_K_M.gguf", "config.json"]),
        (("x-Q[58]_0.gguf",), ["config.json", "x-Q8_0.gguf"]),
        (("*.safetensors",), ["config.json", "other.safetensors"]),
    ],
)
def test_a_pattern_or_a_name_picks_weights(files: tuple[str, ...], taken: list[str]) -> None:
    names = ("config.json", "b/x-Q4_K_M.gguf", "x-Q8_0.gguf", "other.safetensors")
    assert take(*names, files=files) == taken


def test_files_under_original_are_taken_if_they_are_meant() -> None:
    names = ("config.json", "model.safetensors", "original/model.safetensors", "original/a.json")
    assert take(*names, files=("original/*",)) == [
        "config.json", "original/a.json", "original/model.safetensors",
    ]  # fmt: skip


PARTS = [f"a-Q8_0-0000{i}-of-00002.gguf" for i in (1, 2)]


@pytest.mark.parametrize(
    ("names", "files", "says"),
    [
        (["a.Q4.gguf", "a.Q8.gguf"], (), "found 2 GGUF files; expected one: name it under `files`, "
         "e.g. files: [a.Q4.gguf]. Found a.Q4.gguf (1.50 GB), a.Q8.gguf (1.50 GB)"),
        (["a.Q4.gguf", "a.Q8.gguf", "mmproj.gguf"], ("a.*",), "found 2 GGUF files; expected one"),
        (["a.Q4.gguf"], ("*Q5*",), "files: '*Q5*' matches none of a.Q4.gguf (1.50 GB)"),
        (["a.json"], ("*Q5*",), "files: '*Q5*' matches none of no weights"),
        (["a.gguf", "w.bin"], ("w.bin",), "files: 'w.bin' matches none of a.gguf (1.50 GB)"),
        (PARTS, (), "found GGUF weights in 2 parts, a-Q8_0-00001-of-00002.gguf first; expected one "
         "file: join them (`llama-gguf-split --merge`) into a local folder"),
        ([*PARTS, "a.Q4.gguf"], ("*Q8_0*",), "into a local folder, or name one of a.Q4.gguf "
         "(1.50 GB) under `files`"),
        (["config.json", "a.pt"], (), "found no safetensors and 0 GGUF files; found pickles "
         "(a.pt), which are never loaded"),
        ([], (), "found no safetensors and 0 GGUF files"),
        (["../a.safetensors"], (), "file '../a.safetensors': expected a path inside the model "
         "folder"),
    ],
)  # fmt: skip
def test_what_leaves_the_weights_open_is_refused(
    names: list[str], files: tuple[str, ...], says: str
) -> None:
    with pytest.raises(PoqError) as error:
        take(*names, files=files)
    assert says in str(error.value)


def test_no_gguf_to_keep_is_refused() -> None:
    with pytest.raises(PoqError, match=r"^found 0 GGUF files; expected one$"):
        take("model.safetensors", keep_gguf=True)


def test_gguf_lies_at_the_top() -> None:
    assert place("b/x.gguf") == "x.gguf"
    assert place("2_Dense/model.safetensors") == "2_Dense/model.safetensors"
