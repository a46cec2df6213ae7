"""Pays every node for its quality, less its cost."""

from poq import provenance, tables
from poq.rewards import RewardSettings
from poq.simulation.rounds import pay
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    rewards = pay(
        tables.read("rounds", snakemake.input.rounds),
        tables.read("ratings", snakemake.input.ratings),
        tables.read("costs", snakemake.input.costs),
        RewardSettings.model_validate(settings["reward"]),
        seed=snakemake.params.seed,
        **settings["bootstrap"],
    )
    tables.write(rewards, "rewards", snakemake.output[0], provenance.stamp(snakemake.params))
