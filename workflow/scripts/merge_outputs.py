"""Puts the outputs of one inference node together; its finished batches are needed no longer."""

from poq import checkpoint, provenance, tables
from poq.stages import stage

with stage(snakemake.log[0]):
    outputs = tables.read("outputs", *snakemake.input)
    tables.write(outputs, "outputs", snakemake.output[0], provenance.stamp(snakemake.params))
    checkpoint.clear(snakemake.params.checkpoint)
