"""Correlates every evaluator's scores with the reference quality and the judge."""

from poq import provenance, tables
from poq.pooled import with_pooled
from poq.reliability import reliability
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    quality = tables.read("reference_quality", snakemake.input.quality)
    found = reliability(
        tables.read("scores", *snakemake.input.scores),
        tables.read("scales", *snakemake.input.scales),
        with_pooled(quality, settings["references"]),
        seed=snakemake.params.seed,
        **settings["reliability"],
        **settings["bootstrap"],
    )
    tables.write(found, "reliability", snakemake.output[0], provenance.stamp(snakemake.params))
