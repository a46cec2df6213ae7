"""Lets one evaluator score all outputs."""

from poq import hardware, provenance, tables
from poq.models.folder import model_folder
from poq.scoring import score_outputs
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    hardware.use_threads(settings["threads"])
    scores, scales = score_outputs(
        snakemake.wildcards.evaluator,
        settings["evaluator"],
        model_folder(files.model[0]) if files.model else None,
        tables.read("prompts", files.prompts),
        tables.read("outputs", *files.outputs),
        hardware.device(),
        snakemake.params.seed,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(scores, "scores", snakemake.output.scores, stamp)
    tables.write(scales, "scales", snakemake.output.scales, stamp)
