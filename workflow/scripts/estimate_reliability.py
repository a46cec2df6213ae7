"""Correlates every evaluator's scores with the reference quality and the judge."""

from poq import provenance, tables
from poq.reliability import reliability
from poq.stages import stage

with stage(snakemake.log[0]):
    found = reliability(
        tables.read("scores", *snakemake.input.scores),
        tables.read("scales", *snakemake.input.scales),
        tables.read("reference_quality", snakemake.input.quality),
        seed=snakemake.params.seed,
        **snakemake.params.settings,
    )
    tables.write(found, "reliability", snakemake.output[0], provenance.stamp(snakemake.params))
