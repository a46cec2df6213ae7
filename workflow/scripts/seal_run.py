"""Records the SHA-256 of every file of a finished run."""

from pathlib import Path

from poq.seal import seal_run
from poq.stages import stage

with stage(snakemake.log[0]):
    seal_run(Path(snakemake.output[0]).parent)
