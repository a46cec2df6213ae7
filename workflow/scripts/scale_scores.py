"""Puts the raw values of one evaluator together and on their scale."""

from poq import checkpoint, provenance, tables
from poq.scaling import scale_scores
from poq.stages import stage

with stage(snakemake.log[0]):
    files = snakemake.input
    scores, scales = scale_scores(
        snakemake.wildcards.evaluator,
        snakemake.params.settings["evaluator"],
        tables.read("prompts", files.prompts),
        tables.read("raw_scores", *files.raw),
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(scores, "scores", snakemake.output.scores, stamp)
    tables.write(scales, "scales", snakemake.output.scales, stamp)
    checkpoint.clear(snakemake.params.checkpoint)
