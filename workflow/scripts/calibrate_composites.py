"""Fits composites on the calibration split, and sets them against evaluators and consensus."""

from poq import provenance, tables
from poq.calibration.ladder import calibrate
from poq.stages import stage

with stage(snakemake.log[0]):
    found = calibrate(
        tables.read("dimensions", snakemake.input.dimensions),
        tables.read("reference_quality", snakemake.input.quality),
        tables.read("scores", *snakemake.input.scores),
        seed=snakemake.params.seed,
        **snakemake.params.settings,
    )
    stamp = provenance.stamp(snakemake.params)
    tables.write(found.composites, "composites", snakemake.output.composites, stamp)
    tables.write(found.weights, "weights", snakemake.output.weights, stamp)
    tables.write(found.calibration, "calibration", snakemake.output.calibration, stamp)
