"""Keeps the whole configuration of a run, defaults included."""

from pathlib import Path

import yaml

from poq.pages import html_text
from poq.stages import stage

with stage(snakemake.log[0]):
    text = yaml.safe_dump(snakemake.params.config, sort_keys=False)
    Path(snakemake.output.yaml).write_text(text, encoding="utf-8")
    Path(snakemake.output.html).write_text(html_text(text, "Configuration"), encoding="utf-8")
