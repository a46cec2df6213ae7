"""Writes the few lines that answer what a run was made for."""

from poq import tables
from poq.files import write_text
from poq.pages import html_text
from poq.stages import stage
from poq.summary import summarize

with stage(snakemake.log[0]):
    names = ["rewards", "quality", "reliability", "recommendations", "findings", "costs"]
    names += ["prompt_rows"]
    names += ["log_rows"] if snakemake.input.get("log_rows") else []
    frames = {name: tables.read(name, snakemake.input[name]) for name in names}
    if snakemake.input.calibration:
        frames["calibration"] = tables.read("calibration", snakemake.input.calibration)
    frames["scores"] = tables.read("scores", *snakemake.input.scores)
    text = summarize(frames, snakemake.params.references, snakemake.params.confidence)
    write_text(snakemake.output.text, text)
    write_text(snakemake.output.html, html_text(text, "Summary"))
