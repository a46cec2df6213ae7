"""Reads logged outputs, in the place of inference nodes."""

from poq import provenance, tables
from poq.logged import read_logs
from poq.stages import stage

with stage(snakemake.log[0]):
    prompts = tables.read("prompts", snakemake.input.prompts)
    found = read_logs(snakemake.params.settings, prompts)
    stamp = provenance.stamp(snakemake.params)
    for name, frame in found._asdict().items():
        tables.write(frame, name, snakemake.output[name], stamp)
