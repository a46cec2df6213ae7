"""Scoring: one job an evaluator; and how far its scores can be relied on."""


def evaluator_settings(wildcards):
    """Return what an evaluator's scores depend on."""
    return {
        "evaluator": dump(cfg.evaluators[wildcards.evaluator]),
        "source": source_of(cfg.evaluators[wildcards.evaluator]),
        "threads": cfg.scoring.threads,
    }


def evaluator_code(name):
    """Return a function of the wildcards: the digest of a script and of the evaluator's kind."""
    return lambda wildcards: code(
        name, f"poq.evaluators.{cfg.evaluators[wildcards.evaluator].kind}"
    )


rule score_outputs:
    """Let one evaluator score all outputs."""
    input:
        prompts=table("prompts"),
        outputs=all_outputs(),
        model=lambda wildcards: manifest_of(cfg.evaluators[wildcards.evaluator]),
        files=lambda wildcards: files_of(cfg.evaluators[wildcards.evaluator]),
    output:
        scores=table("scores"),
        scales=table("scales"),
    log:
        logfile("score_outputs/{evaluator}"),
    benchmark:
        benchmark_of("score_outputs/{evaluator}")
    conda:
        "../../envs/scoring.yaml"
    threads: cfg.scoring.threads
    resources:
        gpu=lambda wildcards: gpus(cfg.evaluators[wildcards.evaluator]),
    params:
        settings=evaluator_settings,
        seed=cfg.seed,
        code=evaluator_code("score_outputs"),
    script:
        "../scripts/score_outputs.py"


rule estimate_reliability:
    """Correlate every evaluator's scores with the reference quality and the judge."""
    input:
        scores=all_of_evaluators("scores"),
        scales=all_of_evaluators("scales"),
        quality=table("reference_quality"),
    output:
        table("reliability"),
    log:
        logfile("estimate_reliability"),
    benchmark:
        benchmark_of("estimate_reliability")
    conda:
        "../../envs/core.yaml"
    params:
        settings=BOOTSTRAP
        | {"architectures": cfg.architectures(), "judge": cfg.judge()},
        seed=cfg.seed,
        code=code("estimate_reliability"),
    script:
        "../scripts/estimate_reliability.py"
