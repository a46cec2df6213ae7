"""Measures every output's quality in every dimension."""

from poq import provenance, tables
from poq.dimensions.base import Inputs
from poq.dimensions.table import measure_dimensions
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    outputs = tables.read("outputs", *files.outputs)
    inputs = Inputs(
        outputs=tables.evaluated(outputs, tables.read("prompts", files.prompts)),
        quality=tables.read("reference_quality", files.quality),
        references=settings["references"],
        costs=tables.read("costs", files.costs),
        scores=tables.read("scores", *files.scores),
        similarities={
            evaluator: tables.read("similarities", path)
            for evaluator, path in zip(settings["compared_by"], files.similarities, strict=True)
        },
    )
    found = measure_dimensions(settings["dimensions"], inputs)
    tables.write(found, "dimensions", snakemake.output[0], provenance.stamp(snakemake.params))
