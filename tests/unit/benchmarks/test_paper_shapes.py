from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from benchmarks import paper_shapes
from benchmarks.generation import main
from benchmarks.paper_shapes import SHAPES, random_requests, random_weights, save_folder, shape
from poq.models.size import parameters


def on_meta(values: dict[str, Any]) -> Any:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**values))


@pytest.mark.parametrize(
    ("repository", "published"),
    [
        # Layers x (q + o, k + v, gate + up + down, norms) + embedding + head + norm:
        # 22 * (2*2048^2 + 2*2048*256 + 3*2048*5632 + 2*2048) + 2*32000*2048 + 2048
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1_100_048_384),
        # with biases of q, k, v; the head is the embedding:
        # 28 * (2*1536^2 + 2*1536*256 + 2048 + 3*1536*8960 + 2*1536) + 151936*1536 + 1536
        ("Qwen/Qwen2-1.5B-Instruct", 1_543_714_304),
        # with four norms:
        # 26 * (2*2304*2048 + 2*2304*1024 + 3*2304*9216 + 4*2304) + 256000*2304 + 2304
        ("google/gemma-2-2b-it", 2_614_341_888),
        # 32 * (4*3072^2 + 3*3072*8192 + 2*3072) + 2*32064*3072 + 3072
        ("microsoft/Phi-3-mini-4k-instruct", 3_821_079_552),
        # 28 * (2*3072^2 + 2*3072*1024 + 3*3072*8192 + 2*3072) + 128256*3072 + 3072
        ("meta-llama/Llama-3.2-3B-Instruct", 3_212_749_824),
    ],
)
def test_shapes_have_the_published_number_of_weights(repository: str, published: int) -> None:
    assert parameters(on_meta(shape(repository))) == published


def test_the_shapes_are_those_of_the_paper_s_configuration(root: Path) -> None:
    values = yaml.safe_load((root / "config" / "paper.yaml").read_text(encoding="utf-8"))
    served = {node["model"] for node in values["inference_nodes"].values()}
    assert {values["models"][name]["repository"] for name in served} == {*SHAPES}


@pytest.mark.parametrize("repository", SHAPES)
def test_a_scaled_shape_keeps_its_architecture(repository: str) -> None:
    full, small = shape(repository), shape(repository, 0.05)
    changed = {key for key in full if full[key] != small[key]}
    assert changed <= {
        "num_attention_heads", "num_key_value_heads", "hidden_size", "intermediate_size",
        "num_hidden_layers", "vocab_size",
    }  # fmt: skip
    groups = [v["num_attention_heads"] / v["num_key_value_heads"] for v in (full, small)]
    widths = [v["hidden_size"] / v["num_attention_heads"] for v in (full, small)]
    assert groups[0] == groups[1]
    assert widths[0] == widths[1]
    assert parameters(on_meta(small)) < 0.05 * parameters(on_meta(full))


def test_attention_is_what_transformers_chooses() -> None:
    assert paper_shapes.attention_of(shape("Qwen/Qwen2-1.5B-Instruct", 0.05)) == "sdpa"
    # Its scores are capped before the softmax, which PyTorch's fused kernels do not do.
    assert paper_shapes.attention_of(shape("google/gemma-2-2b-it", 0.05)) == "eager"


@pytest.mark.parametrize("repository", SHAPES)
def test_a_text_of_n_words_has_n_tokens(repository: str, tmp_path: Path) -> None:
    values = shape(repository, 0.02)
    save_folder(tmp_path, values)
    (request,) = random_requests(values["vocab_size"], 1, ["summarization"], 1)
    with random_weights(1):
        tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    ids = tokenizer(request.context)["input_ids"]
    assert len(ids) == 871  # the median of 100 articles
    assert tokenizer.decode(ids) == request.context
    assert max(ids) < values["vocab_size"]
    assert model.dtype == torch.bfloat16
    assert model.config.model_type == values["model_type"]


def test_requests_have_evenly_spaced_quantiles_in_random_order() -> None:
    asked = random_requests(1000, 5, ["qa", "summarization"], 1)
    lengths = [len(request.context.split()) for request in asked if request.task == "qa"]
    # The quantiles .1, .3, .5, .7, .9 of the table.
    assert sorted(lengths) == [110, 143, 171, 205, 269]
    assert lengths != sorted(lengths)
    questions = [len((request.question or "").split()) for request in asked]
    assert questions == [13] * 5 + [0] * 5
    assert asked == random_requests(1000, 5, ["qa", "summarization"], 1)
    assert asked != random_requests(1000, 5, ["qa", "summarization"], 2)
    assert np.mean([request.context == asked[0].context for request in asked]) == 0.1


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Callable[..., int]:
    """Run the benchmark on two of the paper's models, with long articles alone."""
    values = yaml.safe_load((root / "config" / "paper.yaml").read_text(encoding="utf-8"))
    nodes = values["inference_nodes"]
    del values["tasks"]["qa"]
    values["tasks"]["summarization"]["max_output_tokens"] = 3
    values["inference_nodes"] = {
        name: nodes[name] | {"precision": "float32"} for name in ("gemma-2-2b", "qwen2-1.5b")
    }
    values["serving"] = {"batch_size": 6, "max_input_tokens": 1024, "max_padding": 0.6}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    monkeypatch.chdir(root)  # where the templates are

    def call(*arguments: str) -> int:
        options = ["--config", str(tmp_path / "config.yaml"), "--threads", "1"]
        return main([*options, "--paper-shapes", *arguments])

    return call


def test_a_model_that_memory_does_not_hold_goes_on_in_parts(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--scale", "0.02", "--limit", "6", "--oom", "0.25", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    models = {model["node"]: model for model in found["models"]}
    assert [*models] == ["gemma-2-2b", "qwen2-1.5b"]
    assert [model["attention"] for model in models.values()] == ["eager", "sdpa"]
    for model in models.values():
        assert (model["precision"], model["prompts"]) == ("float32", 6)
        rows = {row["variant"]: row for row in model["variants"]}
        assert rows["batch 1"]["batches"] == 4
        # The random weights end nearly no output before its third token.
        assert 0 < rows["ours"]["tokens"] <= 6 * 3
        assert rows["naive"]["of_ours"] > 0
        assert all(row["equal_outputs"] == 1 for row in rows.values())
        recovered = model["out_of_memory"]
        assert sum(recovered["rows_that_fitted"]) == 6
        assert recovered["complete_outputs"] == 1
        assert recovered["equal_outputs"] == 1
    # Step by step, attention takes 6 rows x 2 heads x 1024^2 x 4 bytes = 50 MB at a time.
    failed = models["gemma-2-2b"]["out_of_memory"]["rows_and_tokens_that_did_not_fit"]
    assert failed[0] == [6, 1024 + 3]


def test_padding_alone_is_printed_one_row_a_model(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("qwen2-1.5b", "--scale", "0.02", "--limit", "2", "--passes", "0") == 0
    page = capsys.readouterr().out
    assert page.startswith("scale 0.02; ")
    # Articles of 647 and 1,142 tokens, the second cut to the 1,024 that the template leaves.
    header, _, row = page.splitlines()[1:]
    assert "padding naive" in header
    assert row.startswith("| qwen2-1.5b | ")
    assert "tokens/s" not in header


def test_a_node_of_another_model_is_named(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("gpt-5") == 1
    message = capsys.readouterr().err
    assert "found gpt-5" in message
    assert "gemma-2-2b, qwen2-1.5b" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "0"], "expected no --node, no --prompts and a --limit of at least 1"),
        (["--node", "qwen2-1.5b"], "expected no --node"),
        (["--scale", "2"], "--scale: found 2; expected more than 0 and at most 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err
