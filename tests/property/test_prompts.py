import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from poq.corpus.prompts import assign_splits, build_prompts, spare_prompts
from poq.training.examples import build_examples
from tests.conftest import Frames

CONTEXTS = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(
    lambda contexts: len(set(contexts)) > 1
)
SHARES = {"training": 0.2, "calibration": 0.4}


@given(CONTEXTS, st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_contexts_stay_together_and_no_split_is_empty(
    contexts: list[str], calibration: float, seed: int
) -> None:
    splits = assign_splits(contexts, {"calibration": calibration}, np.random.default_rng(seed))
    assert len(splits) == len(contexts)
    assert set(splits) == {"calibration", "test"}
    assert len(set(zip(contexts, splits, strict=True))) == len(set(contexts))


@given(CONTEXTS, st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_the_share_is_reached_with_no_context_to_spare(
    contexts: list[str], calibration: float, seed: int
) -> None:
    splits = assign_splits(contexts, {"calibration": calibration}, np.random.default_rng(seed))
    held = splits.count("calibration")
    drawn = {c for c, split in zip(contexts, splits, strict=True) if split == "calibration"}
    only_one_left = len(drawn) == len(set(contexts)) - 1
    assert held >= calibration * len(contexts) or only_one_left
    assert held - max(map(contexts.count, drawn)) < calibration * len(contexts)


@given(CONTEXTS.filter(lambda contexts: len(set(contexts)) > 2), st.integers(0, 2**32))
def test_the_order_of_prompts_does_not_matter(contexts: list[str], seed: int) -> None:
    forward = assign_splits(contexts, SHARES, np.random.default_rng(seed))
    backward = assign_splits(contexts[::-1], SHARES, np.random.default_rng(seed))
    assert backward[::-1] == forward


SOURCES = {task: {"kind": "packaged"} for task in ("qa", "summarization")}
LABELS = {"qa": "token_f1", "summarization": "rougeL"}


@settings(max_examples=15)
@given(
    st.integers(6, 126),
    st.integers(6, 42),
    st.floats(0.05, 0.4),
    st.floats(0.1, 0.5),
    st.integers(1, 100),
    st.integers(0, 2**32),
)
def test_a_trained_evaluator_has_read_no_context_that_it_is_chosen_or_judged_on(
    frame: Frames,
    questions: int,
    articles: int,
    training: float,
    calibration: float,
    spare: int,
    seed: int,
) -> None:
    sample = {"qa": questions, "summarization": articles}
    shares = {"training": training, "calibration": calibration}
    prompts = build_prompts(SOURCES, sample, {}, shares, seed).prompts
    further = spare_prompts(SOURCES, prompts, {}, spare, seed)
    learned = pl.concat([prompts.filter(split="training"), further])
    examples = build_examples(
        learned,
        frame("outputs").clear(),
        corruptions=["untouched", "misplaced", "off_topic"],
        labels=LABELS,
        held_out=0.2,
        seed=seed,
    )
    read = examples.select("prompt_id").unique().join(learned, on="prompt_id", validate="1:1")
    judged = prompts.filter(pl.col("split") != "training")
    assert not set(read["context"]) & set(judged["context"])
    # "misplaced" quotes a context, "off_topic" another prompt's reference: of learned ones alone
    for text in examples.filter(corruption="misplaced")["output"].sample(10, seed=seed % 2**32):
        assert any(text in " ".join(context.split()) for context in learned["context"])
    known = {text for references in learned["references"] for text in references}
    assert set(examples.filter(corruption="off_topic")["output"]) <= known
    assert further.group_by("task").len()["len"].max() in (None, *range(1, spare + 1))
