"""Prompts: drawn from their sources, checked, split, rendered."""


def prompt_files(wildcards):
    """Return the files that the sources read."""
    return [
        relative(path)
        for task, settings in cfg.tasks.items()
        for path in kinds.load("poq.corpus", settings.source.kind).files(
            settings.source, task
        )
    ]


SOURCES = {task: dump(settings.source) for task, settings in cfg.tasks.items()}
NESTED = [log.prompts for log in cfg.logs().values() if log.prompts is not None]
CORPUS_KINDS = [
    f"poq.corpus.{source.kind}"
    for source in [*(task.source for task in cfg.tasks.values()), *NESTED]
]


rule build_prompts:
    """Draw, check, split and render the prompts of all tasks."""
    input:
        sources=prompt_files,
        templates=TEMPLATES,
        examples=EXAMPLES,
    output:
        prompts=table("prompts"),
        prompt_rows=table("prompt_rows"),
    log:
        logfile("build_prompts"),
    benchmark:
        benchmark_of("build_prompts")
    conda:
        "../../envs/core.yaml"
    params:
        settings={
            "sources": SOURCES,
            "sample": {task: settings.sample for task, settings in cfg.tasks.items()},
            "splits": dump(cfg.splits),
        },
        seed=cfg.seed,
        code=code("build_prompts", *CORPUS_KINDS),
    script:
        "../scripts/build_prompts.py"
