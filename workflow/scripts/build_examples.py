"""Corrupts the references of training prompts, and labels what comes of it."""

import polars as pl

from poq import provenance, tables
from poq.corpus.prompts import spare_prompts
from poq.prompting import load_formats
from poq.stages import stage
from poq.training.examples import build_examples

with stage(snakemake.log[0]):
    settings, files, seed = snakemake.params.settings, snakemake.input, snakemake.params.seed
    formats = load_formats(settings["sources"], files.templates, files.examples)
    prompts = tables.read("prompts", files.prompts)
    spare = spare_prompts(settings["sources"], prompts, formats, settings["spare"], seed)
    learned = pl.concat([prompts.filter(pl.col("split") == "training"), spare])
    outputs = tables.read("outputs", *files.outputs)
    examples = build_examples(learned, outputs, seed=seed, **settings["training"])
    stamp = provenance.stamp(snakemake.params)
    tables.write(learned, "prompts", snakemake.output.prompts, stamp)
    tables.write(examples, "training", snakemake.output.examples, stamp)
