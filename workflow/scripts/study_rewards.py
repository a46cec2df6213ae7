"""Pays the same rounds under other weights, and finds where nodes swap places."""

from poq import provenance, tables
from poq.rewards import RewardSettings, RewardStudySettings
from poq.simulation.reward_study import study_rewards
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    own = RewardSettings.model_validate(settings["reward"])
    study, flips = study_rewards(
        tables.read("rounds", snakemake.input.rounds),
        tables.read("ratings", snakemake.input.ratings),
        tables.read("costs", snakemake.input.costs),
        own=own,
        points=RewardStudySettings.model_validate(settings["study"]).points(own),
        seed=snakemake.params.seed,
        **settings["bootstrap"],
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(study, "reward_study", snakemake.output.study, stamp)
    tables.write(flips, "reward_flips", snakemake.output.flips, stamp)
