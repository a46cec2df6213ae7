"""Measures what the findings of robust PoQ rest on, with intervals over prompts."""

from poq import provenance, tables
from poq.simulation.contrasts import contrast_attacks
from poq.simulation.pool import read_pool
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    pool = read_pool(files.scores, files.quality, files.costs, **settings["pool"])
    contrasts = contrast_attacks(
        pool,
        Grid.model_validate(settings["grid"]),
        resamples=settings["resamples"],
        confidence=settings["confidence"],
        threads=snakemake.threads,
    )
    tables.write(contrasts, "contrasts", snakemake.output[0], provenance.stamp(snakemake.params))
