"""Averages the reference quality of each inference node, with intervals."""

from poq import provenance, tables
from poq.reference_quality import mean_quality
from poq.stages import stage

with stage(snakemake.log[0]):
    quality = mean_quality(
        tables.read("reference_quality", snakemake.input[0]),
        seed=snakemake.params.seed,
        **snakemake.params.settings,
    )
    tables.write(quality, "quality", snakemake.output[0], provenance.stamp(snakemake.params))
