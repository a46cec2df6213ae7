"""Times single requests to one inference node, and several at once."""

from poq import hardware, provenance, tables
from poq.generation.run import load_node
from poq.models.folder import model_folder
from poq.models.served import served_of
from poq.models.size import size_of
from poq.profiling.generation import generation_calls
from poq.profiling.measure import profile_tasks, reported_prompts
from poq.prompting import load_formats
from poq.stages import stage

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    hardware.use_threads(settings["costs"]["threads"], alone=True, model=bool(files.model))
    formats = load_formats(settings["limits"], files.templates, files.examples)
    folder = model_folder(files.model[0]) if files.model else None
    generator = load_node(settings, formats, folder, snakemake.wildcards.model)
    prompts = reported_prompts(tables.read("prompts", files.prompts))
    profile = profile_tasks(
        snakemake.wildcards.model,
        "inference",
        generation_calls(generator, prompts, settings["batch"]),
        seed=snakemake.params.seed,
        size=size_of(generator),
        served=served_of(generator),
        **settings["costs"],
    )
    tables.write(profile, "profile", snakemake.output[0], provenance.stamp(snakemake.params))
