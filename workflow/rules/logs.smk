"""Logs: outputs that were made elsewhere, in the place of inference nodes."""

LOGS = cfg.logs()
# What is known of outputs beside their text and scores, where they are logged.
LOGGED = {"logged": table("logged")} if LOGS else {}
LOG_ROWS = {"log_rows": table("log_rows")} if LOGS else {}


# No run has both; a node may still be called "logged".
ruleorder: merge_outputs > read_logs


rule read_logs:
    """Read, check and join the logs of all tasks."""
    input:
        logs=lambda wildcards: prompt_files(wildcards) if LOGS else [],
        prompts=table("prompts"),
    output:
        outputs=table("outputs", model="logged"),
        logged=table("logged"),
        log_rows=table("log_rows"),
    log:
        logfile("read_logs"),
    benchmark:
        benchmark_of("read_logs")
    conda:
        "../../envs/core.yaml"
    params:
        settings={task: dump(log) for task, log in LOGS.items()},
        code=code("read_logs", *CORPUS_KINDS),
    script:
        "../scripts/read_logs.py"
