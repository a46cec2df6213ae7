"""Corrupts the references of calibration prompts, and labels what comes of it."""

from poq import provenance, tables
from poq.stages import stage
from poq.training.examples import build_examples

with stage(snakemake.log[0]):
    examples = build_examples(
        tables.read("prompts", snakemake.input.prompts),
        tables.read("outputs", *snakemake.input.outputs),
        seed=snakemake.params.seed,
        **snakemake.params.settings,
    )
    tables.write(examples, "training", snakemake.output[0], provenance.stamp(snakemake.params))
