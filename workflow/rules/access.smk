"""Before the first job: what may move is named, and what is out of reach is told at once."""

from snakemake.logging import logger

from poq import access

if workflow.is_main_process:
    for warning in cfg.unpinned():
        logger.warning(f"warning: {warning}")


def needed():
    """Return the entries of the configuration that the jobs to come need, by key."""
    entries = {}
    for job in workflow.dag.needrun_jobs():
        name, wildcards = job.rule.name, job.wildcards
        if name == "fetch_model":
            folder = wildcards.folder
            entries[f"models.{folder}"] = ("poq.models", cfg.models[folder])
        elif name in ("build_prompts", "read_logs"):
            for task, settings in cfg.tasks.items():
                entries[f"tasks.{task}.source"] = ("poq.corpus", settings.source)
        elif name in ("generate_outputs", "profile_node"):
            node = cfg.inference_nodes[wildcards.model]
            entries[f"inference_nodes.{wildcards.model}"] = ("poq.generation", node)
        elif name in ("score_outputs", "profile_evaluator"):
            evaluator = cfg.evaluators[wildcards.evaluator]
            entries[f"evaluators.{wildcards.evaluator}"] = ("poq.evaluators", evaluator)
    return entries


def written():
    """Return the folders that the jobs to come write to."""
    fetches = any(job.rule.name == "fetch_model" for job in workflow.dag.needrun_jobs())
    return [f"results/{cfg.run}", *([cfg.model_cache] if fetches else [])]


onstart:
    if problems := access.unwritable(written()) + access.problems(needed()):
        raise WorkflowError("\n".join(problems))
