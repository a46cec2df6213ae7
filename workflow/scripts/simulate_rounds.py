"""Draws the PoQ rounds and forms their consensus."""

from poq import provenance, tables
from poq.simulation.rounds import simulate
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    rounds, ratings = simulate(
        tables.read("scores", *snakemake.input),
        pool=settings["pool"],
        rounds=settings["rounds"],
        evaluators_per_round=settings["evaluators_per_round"],
        consensus=settings["consensus"],
        seed=snakemake.params.seed,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(rounds, "rounds", snakemake.output.rounds, stamp)
    tables.write(ratings, "ratings", snakemake.output.ratings, stamp)
