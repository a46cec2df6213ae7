"""Scoring: one job a shard of an evaluator; and how far its scores can be relied on."""

SCORED = results(".checkpoints/raw_scores/{evaluator}")


def evaluator_settings(wildcards):
    """Return what an evaluator's raw values depend on: not on the scale that they are put on."""
    evaluator = cfg.evaluators[wildcards.evaluator]
    return {
        "evaluator": evaluator.model_dump(mode="json", exclude={"scale"}),
        "source": source_of(evaluator),
        "threads": cfg.scoring.threads,
    }


def scoring_settings(wildcards):
    """Return what they depend on where outputs are scored chunk by chunk."""
    return evaluator_settings(wildcards) | {"chunk": cfg.scoring.chunk}


def evaluator_code(name):
    """Return a function of the wildcards: the digest of a script and of the evaluator's kind."""
    return lambda wildcards: code(
        name, f"poq.evaluators.{cfg.evaluators[wildcards.evaluator].kind}"
    )


rule score_outputs:
    """Let one evaluator give its raw values of the outputs of one shard."""
    input:
        prompts=table("prompts"),
        outputs=all_outputs(),
        model=lambda wildcards: manifest_of(cfg.evaluators[wildcards.evaluator]),
        files=lambda wildcards: files_of(cfg.evaluators[wildcards.evaluator]),
    output:
        table("raw_scores", shard="{scatteritem}"),
    log:
        logfile("score_outputs/{evaluator}/{scatteritem}"),
    benchmark:
        benchmark_of("score_outputs/{evaluator}/{scatteritem}")
    conda:
        "../../envs/scoring.yaml"
    threads: cfg.scoring.threads
    resources:
        gpu=lambda wildcards: gpus(cfg.evaluators[wildcards.evaluator]),
    params:
        settings=scoring_settings,
        checkpoint=SCORED,
        seed=cfg.seed,
        code=evaluator_code("score_outputs"),
    script:
        "../scripts/score_outputs.py"


rule scale_scores:
    """Put the raw values of one evaluator together and on their scale."""
    input:
        prompts=table("prompts"),
        raw=gather.scoring(
            table("raw_scores", shard="{scatteritem}"), allow_missing=True
        ),
    output:
        scores=table("scores"),
        scales=table("scales"),
    log:
        logfile("scale_scores/{evaluator}"),
    benchmark:
        benchmark_of("scale_scores/{evaluator}")
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: scoring_settings(wildcards)
        | {"evaluator": dump(cfg.evaluators[wildcards.evaluator])},
        checkpoint=SCORED,
        seed=cfg.seed,
        code=merged_code(evaluator_code("score_outputs"), "scale_scores"),
    script:
        "../scripts/scale_scores.py"


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
        settings={
            "reliability": {
                "architectures": cfg.architectures(),
                "judge": cfg.judge(),
            },
            "bootstrap": BOOTSTRAP,
            "references": REFERENCES,
        },
        seed=cfg.seed,
        code=code("estimate_reliability"),
    script:
        "../scripts/estimate_reliability.py"
