"""Sets every dimension against reference quality, and against the other dimensions."""

from poq import provenance, tables
from poq.audit import audit, redundancy
from poq.pooled import with_pooled
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, seed = snakemake.params.settings, snakemake.params.seed
    dimensions = tables.read("dimensions", snakemake.input.dimensions)
    quality = tables.read("reference_quality", snakemake.input.quality)
    quality = with_pooled(quality, settings["references"])
    stamp = provenance.stamp(snakemake.params)
    found = audit(dimensions, quality, seed=seed, **settings["audit"], **settings["bootstrap"])
    tables.write(found, "dimension_audit", snakemake.output.audit, stamp)
    shared = redundancy(dimensions, seed=seed, **settings["bootstrap"])
    tables.write(shared, "dimension_redundancy", snakemake.output.redundancy, stamp)
