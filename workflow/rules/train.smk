"""Training: texts of known worth for training prompts, and a cross-encoder that learns it."""


def example_settings(wildcards):
    """Return what the training examples depend on."""
    trained = cfg.trained_models[wildcards.trained]
    return {
        "sources": SOURCES,
        "spare": trained.spare,
        "training": trained.model_dump(
            mode="json", include={"corruptions", "per_kind", "labels", "held_out"}
        ),
    }


def learned_prompts():
    """Return the path of the prompts that a model is trained on."""
    return results("training/{trained}-prompts.parquet")


rule build_examples:
    """Corrupt the references of training prompts, and label what comes of it."""
    input:
        sources=prompt_files,
        templates=TEMPLATES,
        examples=EXAMPLES,
        prompts=table("prompts"),
        outputs=all_outputs(),
    output:
        prompts=learned_prompts(),
        examples=table("training"),
    log:
        logfile("build_examples/{trained}"),
    benchmark:
        benchmark_of("build_examples/{trained}")
    conda:
        "../../envs/core.yaml"
    params:
        settings=example_settings,
        seed=cfg.seed,
        code=code("build_examples", *CORPUS_KINDS),
    script:
        "../scripts/build_examples.py"


rule train_evaluator:
    """Fine-tune a cross-encoder on the examples."""
    input:
        prompts=learned_prompts(),
        examples=table("training"),
        base=lambda wildcards: manifest(cfg.trained_models[wildcards.trained].base),
    output:
        results("models/{trained}/poq-model.json"),
    log:
        logfile("train_evaluator/{trained}"),
    benchmark:
        benchmark_of("train_evaluator/{trained}")
    conda:
        "../../envs/scoring.yaml"
    threads: lambda wildcards: cfg.trained_models[wildcards.trained].threads
    resources:
        gpu=1,
    params:
        settings=lambda wildcards: training_of(wildcards.trained),
        seed=cfg.seed,
        code=code("train_evaluator"),
    script:
        "../scripts/train_evaluator.py"
