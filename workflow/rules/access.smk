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
        if job.rule.name == "fetch_model":
            folder = job.wildcards.folder
            entries[f"models.{folder}"] = ("poq.models", cfg.models[folder])
        elif job.rule.name == "build_prompts":
            for name, task in cfg.tasks.items():
                entries[f"tasks.{name}.source"] = ("poq.corpus", task.source)
    return entries


onstart:
    if problems := access.problems(needed()):
        raise WorkflowError("\n".join(problems))
