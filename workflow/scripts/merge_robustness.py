"""Puts the simulated cells of one grid together."""

from poq import provenance, tables
from poq.stages import stage

with stage(snakemake.log[0]):
    for name in ("robustness", "break_even"):
        merged = tables.read(name, *snakemake.input[name])
        tables.write(merged, name, snakemake.output[name], provenance.stamp(snakemake.params))
