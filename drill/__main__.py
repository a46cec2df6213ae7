"""Breaks a finished run in every way that matters, mends it as documented, and compares.

    python -m drill                        # all faults, writes docs/faults.md
    python -m drill --only "full disk"     # those with this text; writes nothing

A base run of ``drill/config.yaml`` is made first. Every fault happens in a copy of it, in which the
job that it hits has not run yet. The exit status is 1 if anything was lost, a message does not say
what it should, or the documented command does not bring the run back.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from drill import faults
from drill.faults import Skipped, Stage
from drill.judge import Judge, free_port
from drill.scratch import ROOT, Job, Scratch
from poq import config
from poq.models.fetch import fetch_model
from poq.models.folder import manifest_path

STATIC = "wordllama-l2-256"
JUDGE_MODEL = "smollm2-135m-instruct-q4"
PINNED = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
"""The pinned checksum of the static embedding's weights."""

PROMPTS = Stage("prompts", "build_prompts")
FETCH = Stage("fetching a model", "fetch_model", STATIC)
GENERATE = Stage("generation", "generate_outputs", "smollm2")
SCORE = Stage("scoring", "score_outputs", "static")
JUDGE = Stage("scoring by the judge", "score_outputs", "judge")
TRAIN = Stage("training", "train_evaluator")
PROFILE = Stage("profiling", "profile_node", "lead")
SIMULATE = Stage("simulation", "simulate_rounds")
ATTACK = Stage("simulation under attack", "study_robustness")
CALIBRATE = Stage("calibration", "calibrate_composites")
FIGURE = Stage("figure", "plot_figure", "quality_cost")
SUMMARY = Stage("summary", "summarize_run")
STAGES = [
    PROMPTS, FETCH, GENERATE, SCORE, JUDGE, TRAIN, PROFILE, SIMULATE, ATTACK, CALIBRATE, FIGURE,
    SUMMARY,
]  # fmt: skip


class Case(NamedTuple):
    """One fault at one stage."""

    fault: str
    stage: Stage
    make: faults.Fault


class Row(NamedTuple):
    """One line of the table; ``bad`` says why a case failed, empty if it did not."""

    case: Case
    sees: str
    command: str
    lost: str
    again: str
    bad: str


def cases(judge: Callable[[bool], None]) -> list[Case]:
    """Return all cases; those that stop the judge stand last."""
    cut, flip = faults.truncate_table, faults.flip_byte
    weights = f"{STATIC}/embeddings.safetensors"
    found = [Case("`kill -9` of the job", stage, faults.kill_job) for stage in STAGES]
    found += [Case("`kill -9` of Snakemake", stage, faults.kill_snakemake) for stage in STAGES]
    found += [
        Case("full disk", FETCH, partial(faults.fill_disk, model=STATIC)),
        *(Case("full disk", s, faults.fill_disk) for s in (GENERATE, TRAIN, SIMULATE, FIGURE)),
        Case("truncated table", SCORE, partial(cut, table="prompts.parquet")),
        Case("truncated table", FIGURE, partial(cut, table="costs.parquet")),
        Case("flipped byte in a table", SIMULATE, partial(flip, table="scores/judge.parquet")),
        Case("flipped byte in a table", SUMMARY, partial(flip, table="findings.parquet")),
        Case("flipped byte, `make verify`", FIGURE,
             partial(faults.flip_unread, file="figures/quality_cost.svg")),
        Case("flipped byte, `make verify`", SCORE,
             partial(faults.flip_unread, file="outputs/lead.parquet")),
        Case("flipped byte in cached weights", SCORE, partial(faults.flip_weights, file=weights)),
        Case("wrong pinned checksum", FETCH,
             partial(faults.wrong_checksum, pinned=PINNED, reader=SCORE)),
        Case("read-only results", SIMULATE, faults.read_only),
        Case("unreachable judge", JUDGE, partial(faults.unreachable_judge, judge=judge)),
    ]  # fmt: skip
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a text in the fault's or the stage's name")
    parser.add_argument(
        "--scratch", type=Path, help="folder to work in, kept; a base run is reused"
    )
    only, kept = (parser.parse_args(arguments).__dict__[name] for name in ("only", "scratch"))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="poq-drill-") as temporary:
        place = (kept or Path(temporary)).resolve()
        base, judge = base_run(place)
        try:
            chosen = [c for c in cases(judge) if only in c.fault or only in c.stage.name]
            rows = drill(base, chosen, place)
        finally:
            judge(False)
    table = page(rows)
    print(f"{table}\n{time.monotonic() - started:.0f} s, {os.cpu_count()} cores")
    if not only:
        (ROOT / "docs" / "faults.md").write_text(table, encoding="utf-8")
    return 1 if any(row.bad for row in rows) else 0


def base_run(place: Path) -> tuple[Scratch, Judge]:
    """Return a finished base run, and the judge that it asks, which is up.

    Raises:
        RuntimeError: the run did not end well.
    """
    folder = place / "base"
    if not (folder / "config.yaml").exists():
        values = yaml.safe_load((ROOT / "drill" / "config.yaml").read_text(encoding="utf-8"))
        address = f"http://127.0.0.1:{free_port()}/v1"
        values["evaluators"]["judge"]["endpoint"]["base_url"] = address
        folder.mkdir(parents=True)
        text = yaml.safe_dump(values, sort_keys=False)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
    cfg = config.load_file(folder / "config.yaml")
    models = folder / cfg.model_cache
    models.mkdir(parents=True, exist_ok=True)
    # The static embedding is small: every copy has its own, to spoil it. The rest is shared.
    shared = {n: cached(n, s.model_dump(mode="json")) for n, s in cfg.models.items() if n != STATIC}
    for manifest in shared.values():
        if not (models / manifest.parent.name).exists():
            (models / manifest.parent.name).symlink_to(manifest.parent)
    entry = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    address = entry["evaluators"]["judge"]["endpoint"]["base_url"]
    judge = Judge(shared[JUDGE_MODEL].parent, int(urlsplit(address).port or 0))
    judge(True)
    base = Scratch(folder)
    if (ended := base.run(cores=os.cpu_count() or 1)).status:
        judge(False)
        raise RuntimeError(f"the base run failed:\n{ended.text}")
    return base, judge


def cached(name: str, source: dict[str, Any]) -> Path:
    """Return the manifest of a model in the cache that all runs share, fetched if it is not."""
    manifest = manifest_path(ROOT / "cache" / "models", name, source)
    if not manifest.exists():
        fetch_model(source, manifest)
    return manifest.resolve()


def drill(base: Scratch, chosen: Sequence[Case], place: Path) -> list[Row]:
    """Make every fault in a copy of a finished run, as many at once as there are cores."""
    jobs = base.jobs()

    def row(case: Case) -> Row:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=place) as folder:
            found = attempt(base.copy(Path(folder) / "copy"), base, case, jobs)
        seconds = f"{time.monotonic() - started:.0f} s"
        result = f"FAILED: {found.bad}" if found.bad else found.sees
        print(f"{case.fault}, {case.stage.name}, {seconds}: {result}", file=sys.stderr)
        return found

    # Whoever stops the judge must be alone.
    alone = [case for case in chosen if case.fault == "unreachable judge"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(row, (case for case in chosen if case not in alone)))
    return rows + [row(case) for case in alone]


def attempt(scratch: Scratch, base: Scratch, case: Case, jobs: list[Job]) -> Row:
    """Make one fault, mend it, and compare."""
    try:
        outcome = case.make(scratch, case.stage, jobs)
    except Skipped as skipped:
        return Row(case, f"skipped: {skipped}", "", "", "", "")
    except RuntimeError as error:
        return Row(case, str(error), "", "", "", str(error))
    lost = scratch.lost(base)
    bad = f"lost {lost}" if lost else ""
    if outcome.ended.status:
        bad = f"the command failed:\n{outcome.ended.text}"
    if outcome.sees.startswith(("no line", "nothing", "a traceback", "make verify does not")):
        bad = outcome.sees
    sees = _lasting(outcome.sees.replace(f"{scratch.folder}/", "").replace(str(ROOT), "."))
    return Row(
        case, sees, outcome.command, ", ".join(lost) or "nothing", outcome.again or "nothing", bad
    )


def _lasting(text: str) -> str:
    """Return a message without what differs each time: temporary names, a free port."""
    text = re.sub(r"\S+ \.snakemake/scripts/tmp\w+?\.(?=\w+\.py)", "python ", text)
    text = re.sub(r"/\S*pip-unpack-\w+/", "", text)
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", "port", text)


def page(rows: Sequence[Row]) -> str:
    """Return the document with the table."""
    lines = [
        "# Faults",
        "",
        "Written by `make drill`; do not edit. Each fault happened in a copy of a finished run of",
        "`drill/config.yaml`, to a job that had not run yet there; then the command was given, and",
        "all files were compared with the undisturbed run, byte by byte, but measured seconds. The",
        "drill asks for the hit job's files alone, where `make resume` goes on to all others.",
        "*Computed again* counts jobs that were done before, or were cut; what a cut job takes",
        "over from its checkpoint stands beside it.",
        "",
        "| fault | stage | what the user sees | command | lost | computed again |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row.case.fault, row.case.stage.name, _code(row.sees), row.command, row.lost]
        lines.append("| " + " | ".join([*cells, row.again]) + " |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    short = text if len(text) <= 240 else text[:237] + "..."
    if text.startswith("skipped"):
        return short
    return "`" + short.replace("`", "'").replace("|", "/") + "`"


if __name__ == "__main__":
    sys.exit(main())
