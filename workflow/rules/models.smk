"""Models: whatever the source, one local folder in the hub's layout."""


def model_files(wildcards):
    """Return the local files that a model comes from; empty for a remote source."""
    source = cfg.models[wildcards.folder]
    return [
        relative(path) for path in kinds.load("poq.models", source.kind).files(source)
    ]


rule fetch_model:
    """Fetch one model into the cache that all runs share."""
    input:
        model_files,
    output:
        f"{cfg.model_cache}/{{folder}}-{{digest}}/poq-model.json",
    log:
        logfile("fetch_model/{folder}-{digest}"),
    benchmark:
        benchmark_of("fetch_model/{folder}-{digest}")
    wildcard_constraints:
        digest="[0-9a-f]{16}",
    conda:
        "../../envs/generation.yaml"
    params:
        settings=lambda wildcards: dump(cfg.models[wildcards.folder]),
        code=lambda wildcards: code(
            "fetch_model", f"poq.models.{cfg.models[wildcards.folder].kind}"
        ),
    script:
        "../scripts/fetch_model.py"
