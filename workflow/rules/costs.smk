"""Costs: every node is timed by itself, request by request, while nothing else runs."""


def alone(wildcards):
    """Take all cores, so that no other job disturbs the clock."""
    return workflow.cores or cfg.costs.threads


PROFILING = {
    "batch": cfg.costs.batch,
    "costs": cfg.costs.model_dump(mode="json", exclude={"batch"}),
}


rule profile_node:
    """Time single requests to one inference node, and several at once."""
    input:
        prompts=table("prompts"),
        model=lambda wildcards: manifest_of(cfg.inference_nodes[wildcards.model]),
        templates=TEMPLATES,
        examples=EXAMPLES,
    output:
        table("profile", kind="inference").replace("{node}", "{model}"),
    log:
        logfile("profile_node/{model}"),
    benchmark:
        benchmark_of("profile_node/{model}")
    conda:
        "../../envs/generation.yaml"
    threads: alone
    resources:
        gpu=lambda wildcards: gpus(cfg.inference_nodes[wildcards.model]),
    params:
        settings=lambda wildcards: node_settings(wildcards) | PROFILING,
        seed=cfg.seed,
        code=node_code("profile_node"),
    script:
        "../scripts/profile_node.py"


rule profile_evaluator:
    """Time single requests to one evaluator, and several at once."""
    input:
        prompts=table("prompts"),
        outputs=all_outputs(),
        model=lambda wildcards: manifest_of(cfg.evaluators[wildcards.evaluator]),
        files=lambda wildcards: files_of(cfg.evaluators[wildcards.evaluator]),
    output:
        table("profile", kind="evaluator").replace("{node}", "{evaluator}"),
    log:
        logfile("profile_evaluator/{evaluator}"),
    benchmark:
        benchmark_of("profile_evaluator/{evaluator}")
    conda:
        "../../envs/scoring.yaml"
    threads: alone
    resources:
        gpu=lambda wildcards: gpus(cfg.evaluators[wildcards.evaluator]),
    params:
        settings=lambda wildcards: evaluator_settings(wildcards) | PROFILING,
        seed=cfg.seed,
        code=evaluator_code("profile_evaluator"),
    script:
        "../scripts/profile_evaluator.py"


rule normalize_costs:
    """Turn measured seconds, and what logs tell, into normalised costs."""
    input:
        **LOGGED,
        profiles=[
            table("profile", kind=kind, node=node)
            for kind, nodes in (
                ("inference", cfg.inference_nodes),
                ("evaluator", cfg.evaluators),
            )
            for node in nodes
        ],
    output:
        table("costs"),
    log:
        logfile("normalize_costs"),
    benchmark:
        benchmark_of("normalize_costs")
    conda:
        "../../envs/core.yaml"
    params:
        code=code("normalize_costs"),
    script:
        "../scripts/normalize_costs.py"
