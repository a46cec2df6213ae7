"""The end of a run: its configuration, the few lines that it was made for, and its seal."""


rule record_config:
    """Keep the whole configuration of the run, defaults included."""
    output:
        yaml=results("config.yaml"),
        html=report(results("config.html"), category="Configuration"),
    log:
        logfile("record_config"),
    benchmark:
        benchmark_of("record_config")
    conda:
        "../../envs/core.yaml"
    params:
        config=dump(cfg),
        code=code("record_config"),
    script:
        "../scripts/record_config.py"


rule summarize_run:
    """Say who earned most and least, who can be relied on, what to choose, what was published."""
    input:
        **LOG_ROWS,
        prompt_rows=table("prompt_rows"),
        rewards=table("rewards"),
        quality=table("quality"),
        reliability=table("reliability"),
        recommendations=table("recommendations"),
        findings=table("findings"),
        calibration=table("calibration") if has("calibration") else [],
        costs=table("costs"),
        scores=all_of_evaluators("scores"),
        # What the summary does not read, but comes before it: it marks the end of a run.
        config=results("config.yaml"),
        figures=[figure(name) for name in FIGURES],
    output:
        text=results("summary.txt"),
        html=report(results("summary.html"), category="Summary"),
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


rule seal_run:
    """Record the SHA-256 of every file, once the run is finished."""
    input:
        lambda wildcards: [
            path for path in rules.all.input if path != results("SHA256SUMS")
        ],
    output:
        results("SHA256SUMS"),
    log:
        logfile("seal_run"),
    benchmark:
        benchmark_of("seal_run")
    conda:
        "../../envs/core.yaml"
    params:
        code=code("seal_run"),
    script:
        "../scripts/seal_run.py"
