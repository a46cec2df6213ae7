"""Draws one figure, as SVG and PNG, and the table behind it."""

from poq import figures, tables
from poq.figures.style import nothing, save
from poq.files import write_text
from poq.pages import html_table
from poq.stages import stage

with stage(snakemake.log[0]):
    module = figures.load(snakemake.wildcards.figure)
    frames = {
        name: tables.read(name, *([paths] if isinstance(paths, str) else paths))
        for name, paths in ((name, snakemake.input.get(name)) for name in module.TABLES)
    }
    data = module.data(frames, snakemake.params.references)
    figure = module.draw(data) if len(data) else nothing(module.TITLE)
    save(figure, snakemake.output.svg, snakemake.output.png)
    write_text(snakemake.output.html, html_table(data, module.TITLE))
