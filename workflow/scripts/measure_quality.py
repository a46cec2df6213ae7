"""Compares every output with its references."""

from poq import provenance, tables
from poq.reference_quality import reference_quality
from poq.stages import stage

with stage(snakemake.log[0]):
    logged = snakemake.input.get("logged")
    quality = reference_quality(
        tables.read("outputs", *snakemake.input.outputs),
        tables.read("prompts", snakemake.input.prompts),
        tables.read("logged", logged) if logged else None,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(quality, "reference_quality", snakemake.output[0], stamp)
