"""Times single requests to one evaluator, and several at once."""

from poq import hardware, provenance, tables
from poq.models.folder import model_folder
from poq.models.size import size_of
from poq.profiling.measure import profile_tasks, reported_prompts
from poq.profiling.scoring import scoring_calls
from poq.scoring import load_evaluator
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files, seed = snakemake.params.settings, snakemake.input, snakemake.params.seed
    hardware.use_threads(settings["costs"]["threads"], alone=True, model=bool(files.model))
    folder = model_folder(files.model[0]) if files.model else None
    evaluator, scorer = load_evaluator(settings["evaluator"], folder)
    prompts = reported_prompts(tables.read("prompts", files.prompts))
    outputs = tables.read("outputs", *files.outputs).join(prompts, on="prompt_id", how="semi")
    profile = profile_tasks(
        snakemake.wildcards.evaluator,
        "evaluator",
        scoring_calls(scorer, evaluator.compares_with, prompts, outputs, settings["batch"], seed),
        seed=seed,
        size=size_of(scorer),
        **settings["costs"],
    )
    tables.write(profile, "profile", snakemake.output[0], provenance.stamp(snakemake.params))
