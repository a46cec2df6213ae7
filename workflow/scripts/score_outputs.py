"""Lets one evaluator score a shard of the outputs; goes on from the finished chunks."""

from pathlib import Path

from poq import hardware, provenance, tables
from poq.checkpoint import Checkpoint
from poq.models.folder import model_folder
from poq.scoring import load_evaluator, score_outputs
from poq.shards import Shard
from poq.stages import stage

with stage(snakemake.log[0]):
    given, files = snakemake.params.settings, snakemake.input
    hardware.use_threads(given["threads"], model=bool(files.model))
    stamp = provenance.stamp(snakemake.params)
    contents = [Path(path).read_text(encoding="utf-8") for path in [*files.files, *files.model]]
    folder = model_folder(files.model[0]) if files.model else None
    settings, scorer = load_evaluator(given["evaluator"], folder)
    raw = score_outputs(
        snakemake.wildcards.evaluator,
        scorer,
        settings,
        tables.read("prompts", files.prompts),
        tables.read("outputs", *files.outputs),
        seed=snakemake.params.seed,
        chunk=given["chunk"],
        checkpoint=Checkpoint(snakemake.params.checkpoint, stamp | {"files": contents}),
        shard=Shard.parse(snakemake.wildcards.scatteritem),
    )
    tables.write(raw, "raw_scores", snakemake.output[0], stamp)
