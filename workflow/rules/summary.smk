"""The end of a run: the few lines that answer what it was made for."""


rule summarize_run:
    """Say who earned most and least, and which evaluators can be relied on."""
    input:
        rewards=table("rewards"),
        quality=table("quality"),
        reliability=table("reliability"),
        # What the summary does not read, but comes before it: it marks the end of a run.
        figures=expand(figure("{figure}"), figure=figures.names()),
    output:
        report(results("summary.txt"), category="Summary"),
    log:
        logfile("summarize_run"),
    benchmark:
        benchmark_of("summarize_run")
    conda:
        "../../envs/core.yaml"
    params:
        references=REFERENCES,
        run=cfg.run,
        confidence=cfg.bootstrap.confidence,
        code=code("summarize_run"),
    script:
        "../scripts/summarize_run.py"
