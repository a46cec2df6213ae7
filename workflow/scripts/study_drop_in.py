"""Puts a composite into PoQ in the place of its evaluators, and beside them, under attack."""

import numpy as np

from poq import provenance, tables
from poq.simulation.drop_in import composite_scores, signal_pools, study_drop_in
from poq.simulation.pool import read_pool
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    pool = read_pool(files.scores, files.quality, files.costs, **settings["pool"])
    composites = tables.read("composites", files.composites).filter(**settings["composite"])
    composite = composite_scores(pool, composites)
    found = study_drop_in(
        signal_pools(pool, composite),
        Grid.model_validate(settings["grid"]),
        settings["defences"],
        undefined=int(np.isnan(composite).sum()),
        resamples=settings["resamples"],
        confidence=settings["confidence"],
        threads=snakemake.threads,
    )
    tables.write(found, "drop_in", snakemake.output[0], provenance.stamp(snakemake.params))
