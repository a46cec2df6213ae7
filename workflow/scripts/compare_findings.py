"""Sets what this run found beside what was published."""

from poq import findings, provenance, tables
from poq.files import write_text
from poq.findings.base import Evidence
from poq.pages import html_table
from poq.rewards import RewardSettings
from poq.stages import stage

with stage(snakemake.log[0]):
    settings = snakemake.params.settings
    # A run without dimensions lacks some of the tables.
    found = {name: snakemake.input.get(name) for name in findings.tables()}
    read = {name: paths for name, paths in found.items() if paths is not None}
    evidence = Evidence(
        {
            name: tables.read(name, *([paths] if isinstance(paths, str) else paths))
            for name, paths in read.items()
        },
        judge=settings["judge"],
        weights=RewardSettings.model_validate(settings["reward"]),
        dimensions=settings["dimensions"],
        seed=snakemake.params.seed,
        **settings["bootstrap"],
    )
    found = findings.compare(evidence)
    stamp = provenance.stamp(snakemake.params)
    tables.write(found, "findings", snakemake.output.table, stamp)
    page = html_table(found, "Published findings beside this run")
    write_text(snakemake.output.html, page)
