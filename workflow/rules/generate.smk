"""Generation: one job a shard of an inference node; and the reference quality of its outputs."""

GENERATED = results(".checkpoints/outputs/{model}")


def node_settings(wildcards):
    """Return what an inference node's outputs depend on."""
    limits = {"max_output_tokens", "stop"}
    return {
        "node": dump(cfg.inference_nodes[wildcards.model]),
        "source": source_of(cfg.inference_nodes[wildcards.model]),
        "serving": dump(cfg.serving),
        "limits": {
            task: settings.model_dump(mode="json", include=limits)
            for task, settings in cfg.tasks.items()
        },
        "seed": cfg.seed,
    }


def node_code(name):
    """Return a function of the wildcards: the digest of a script and of the node's backend."""
    return lambda wildcards: code(
        name, f"poq.generation.{cfg.inference_nodes[wildcards.model].kind}"
    )


rule generate_outputs:
    """Let one inference node answer the prompts of one shard."""
    input:
        prompts=table("prompts"),
        model=lambda wildcards: manifest_of(cfg.inference_nodes[wildcards.model]),
        templates=TEMPLATES,
        examples=EXAMPLES,
    output:
        temp(shard_of("outputs")),
    log:
        logfile("generate_outputs/{model}/{scatteritem}"),
    benchmark:
        benchmark_of("generate_outputs/{model}/{scatteritem}")
    conda:
        "../../envs/generation.yaml"
    threads: cfg.serving.threads
    resources:
        gpu=lambda wildcards: gpus(cfg.inference_nodes[wildcards.model]),
    params:
        settings=node_settings,
        checkpoint=GENERATED,
        seed=cfg.seed,
        code=node_code("generate_outputs"),
    script:
        "../scripts/generate_outputs.py"


rule merge_outputs:
    """Put the outputs of one inference node together."""
    input:
        gather.generation(shard_of("outputs"), allow_missing=True),
    output:
        table("outputs"),
    log:
        logfile("merge_outputs/{model}"),
    benchmark:
        benchmark_of("merge_outputs/{model}")
    conda:
        "../../envs/core.yaml"
    params:
        settings=node_settings,
        checkpoint=GENERATED,
        seed=cfg.seed,
        code=merged_code(node_code("generate_outputs"), "merge_outputs"),
    script:
        "../scripts/merge_outputs.py"


rule measure_quality:
    """Compare every output with its references."""
    input:
        **LOGGED,
        prompts=table("prompts"),
        outputs=all_outputs(),
    output:
        table("reference_quality"),
    log:
        logfile("measure_quality"),
    benchmark:
        benchmark_of("measure_quality")
    conda:
        "../../envs/core.yaml"
    params:
        code=code("measure_quality"),
    script:
        "../scripts/measure_quality.py"


rule average_quality:
    """Average the reference quality of each inference node, with intervals."""
    input:
        table("reference_quality"),
    output:
        table("quality"),
    log:
        logfile("average_quality"),
    benchmark:
        benchmark_of("average_quality")
    conda:
        "../../envs/core.yaml"
    params:
        settings=BOOTSTRAP,
        seed=cfg.seed,
        code=code("average_quality"),
    script:
        "../scripts/average_quality.py"
