"""Multi-dimensional quality: what every output is worth in each dimension, and the audit of it."""


def kinds_of_dimensions():
    """Return the modules that the configured dimensions are measured by."""
    return sorted({f"poq.dimensions.{entry.kind}" for entry in cfg.dimensions.values()})


rule compare_outputs:
    """Compare the nodes' outputs for each prompt with each other, by one evaluator."""
    input:
        outputs=all_outputs(),
        model=lambda wildcards: manifest_of(cfg.evaluators[wildcards.evaluator]),
    output:
        table("similarities"),
    log:
        logfile("compare_outputs/{evaluator}"),
    benchmark:
        benchmark_of("compare_outputs/{evaluator}")
    conda:
        "../../envs/scoring.yaml"
    threads: cfg.scoring.threads
    resources:
        gpu=lambda wildcards: gpus(cfg.evaluators[wildcards.evaluator]),
    params:
        settings=evaluator_settings,
        code=evaluator_code("compare_outputs"),
    script:
        "../scripts/compare_outputs.py"


rule measure_dimensions:
    """Measure every output's quality in every dimension."""
    input:
        prompts=table("prompts"),
        outputs=all_outputs(),
        quality=table("reference_quality"),
        costs=table("costs"),
        scores=[table("scores", evaluator=name) for name in cfg.scored_by()],
        similarities=[
            table("similarities", evaluator=name) for name in cfg.compared_by()
        ],
    output:
        table("dimensions"),
    log:
        logfile("measure_dimensions"),
    benchmark:
        benchmark_of("measure_dimensions")
    conda:
        "../../envs/core.yaml"
    params:
        # A weight counts in composites alone.
        settings={
            "dimensions": {
                name: entry.model_dump(mode="json", exclude={"weight"})
                for name, entry in cfg.dimensions.items()
            },
            "references": REFERENCES,
            "compared_by": cfg.compared_by(),
        },
        code=code("measure_dimensions", *kinds_of_dimensions()),
    script:
        "../scripts/measure_dimensions.py"


rule audit_dimensions:
    """Set every dimension against reference quality, and against the other dimensions."""
    input:
        dimensions=table("dimensions"),
        quality=table("reference_quality"),
    output:
        audit=table("dimension_audit"),
        redundancy=table("dimension_redundancy"),
    log:
        logfile("audit_dimensions"),
    benchmark:
        benchmark_of("audit_dimensions")
    conda:
        "../../envs/core.yaml"
    params:
        settings={
            "audit": {
                "reference_based": cfg.reference_based(),
                "minimum": cfg.calibration.minimum,
            },
            "bootstrap": BOOTSTRAP,
            "references": REFERENCES,
        },
        seed=cfg.seed,
        code=code("audit_dimensions"),
    script:
        "../scripts/audit_dimensions.py"
