"""Keeps the whole configuration of a run, defaults included."""

import yaml

from poq.files import write_text
from poq.pages import html_text
from poq.stages import stage

with stage(snakemake.log[0]):
    text = yaml.safe_dump(snakemake.params.config, sort_keys=False)
    write_text(snakemake.output.yaml, text)
    write_text(snakemake.output.html, html_text(text, "Configuration"))
