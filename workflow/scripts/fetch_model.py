"""Fetches one model into a local folder in the hub's layout."""

from poq.models.fetch import fetch_model
from poq.stages import stage

with stage(snakemake.log[0]):
    fetch_model(snakemake.params.settings, snakemake.output[0])
