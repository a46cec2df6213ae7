"""Figures: each a cached target, with the table behind it."""


def figure_tables(wildcards):
    """Return the tables that a figure reads."""
    return {name: all_of(name) for name in figures.load(wildcards.figure).TABLES}


CAPTION = "../../resources/captions/figure.rst"


rule plot_figure:
    """Draw one figure, as SVG and PNG, and the table behind it."""
    input:
        unpack(figure_tables),
    output:
        svg=report(
            figure("{figure}"),
            caption=CAPTION,
            category="Figures",
            labels={"figure": "{figure}", "shows": "picture"},
        ),
        html=report(
            figure("{figure}", "html"),
            caption=CAPTION,
            category="Figures",
            labels={"figure": "{figure}", "shows": "numbers behind it"},
        ),
        png=figure("{figure}", "png"),
    log:
        logfile("plot_figure/{figure}"),
    benchmark:
        benchmark_of("plot_figure/{figure}")
    conda:
        "../../envs/figures.yaml"
    params:
        references=REFERENCES,
        caption=lambda wildcards: figures.caption(wildcards.figure),
        code=lambda wildcards: code("plot_figure", f"poq.figures.{wildcards.figure}"),
    script:
        "../scripts/plot_figure.py"
