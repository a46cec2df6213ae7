"""Draws, checks, splits and renders the prompts of all tasks."""

from poq import provenance, tables
from poq.corpus.prompts import build_prompts
from poq.prompting import load_formats
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    found = build_prompts(
        formats=load_formats(settings["sources"], files.templates, files.examples),
        seed=snakemake.params.seed,
        **settings,
    )
    stamp = provenance.stamp(snakemake.params)
    for name, frame in found._asdict().items():
        tables.write(frame, name, snakemake.output[name], stamp)
