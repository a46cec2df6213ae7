"""Draws, checks, splits and renders the prompts of all tasks."""

from poq import provenance, tables
from poq.corpus.prompts import build_prompts
from poq.prompting import load_format
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    files = zip(
        settings["sources"], snakemake.input.templates, snakemake.input.examples, strict=True
    )
    prompts = build_prompts(
        formats={task: load_format(template, example, task) for task, template, example in files},
        seed=snakemake.params.seed,
        **settings,
    )
    tables.write(prompts, "prompts", snakemake.output[0], provenance.stamp(snakemake.params))
