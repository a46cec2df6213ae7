"""Calibration: dimensions become one quality, fitted on one split and reported on the other."""


rule calibrate_composites:
    """Fit composites on the calibration split, and set them against evaluators and consensus."""
    input:
        dimensions=table("dimensions"),
        quality=table("reference_quality"),
        scores=[table("scores", evaluator=name) for name in cfg.pool()],
    output:
        composites=table("composites"),
        weights=table("weights"),
        calibration=table("calibration"),
    log:
        logfile("calibrate_composites"),
    benchmark:
        benchmark_of("calibrate_composites")
    conda:
        "../../envs/core.yaml"
    params:
        settings={
            "weights": {name: entry.weight for name, entry in cfg.dimensions.items()},
            "reference_based": cfg.reference_based(),
            "compares_with": {
                name: cfg.evaluators[name].compares_with for name in cfg.pool()
            },
            "references": REFERENCES,
            "minimum": cfg.calibration.minimum,
        }
        | BOOTSTRAP,
        seed=cfg.seed,
        code=code(
            "calibrate_composites",
            *(f"poq.calibration.{name}" for name in calibration.weightings()),
        ),
    script:
        "../scripts/calibrate_composites.py"
