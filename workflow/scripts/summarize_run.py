"""Writes the few lines that answer what a run was made for."""

from pathlib import Path

from poq import tables
from poq.stages import stage
from poq.summary import summarize

with stage(snakemake.log[0]):
    names = ("rewards", "quality", "reliability")
    frames = {name: tables.read(name, snakemake.input[name]) for name in names}
    text = summarize(frames, snakemake.params.references, snakemake.params.confidence)
    Path(snakemake.output[0]).write_text(text, encoding="utf-8")
