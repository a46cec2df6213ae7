"""Fine-tunes a cross-encoder on the examples."""

from poq import hardware, tables
from poq.models.folder import model_folder
from poq.stages import stage
from poq.training.cross_encoder import train_cross_encoder
from poq.training.settings import TrainedModelSettings

with stage(snakemake.log[0]):
    settings, files = snakemake.params.settings, snakemake.input
    trained = TrainedModelSettings.model_validate(settings["training"])
    hardware.use_threads(trained.threads)
    train_cross_encoder(
        trained,
        model_folder(files.base),
        tables.read("training", files.examples),
        tables.read("prompts", files.prompts),
        snakemake.output[0],
        source=settings,
        seed=snakemake.params.seed,
        device=hardware.device(),
    )
