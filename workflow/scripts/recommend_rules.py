"""Chooses rule, trust update and K for every threat level on one split, reports on the other."""

from poq import provenance, tables
from poq.files import write_text
from poq.pages import html_table
from poq.simulation.pool import read_pool
from poq.simulation.recommendation import recommend
from poq.simulation.settings import Grid
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = snakemake.input
    pool = read_pool(files.scores, files.quality, files.costs, **settings["pool"])
    found = recommend(
        tables.read("robustness", *snakemake.input.robustness),
        {name: Grid.model_validate(grid) for name, grid in settings["grids"].items()},
        pool,
        resamples=settings["resamples"],
        confidence=settings["confidence"],
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(found, "recommendations", snakemake.output.table, stamp)
    page = html_table(found, "Which rule, which K")
    write_text(snakemake.output.html, page)
