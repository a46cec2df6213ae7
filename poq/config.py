"""The configuration of a run: typed, complete, unknown keys forbidden.

``config/schema.json`` is generated from here (``make docs``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import Field, ValidationError, model_validator

from poq import calibration, kinds
from poq.calibration.composite import given
from poq.calibration.settings import CalibrationSettings
from poq.corpus.logs import Columns as LogColumns
from poq.corpus.logs import Settings as LogSettings
from poq.corpus.rows import RowSettings
from poq.dimensions.base import ScoredSettings
from poq.errors import PoqError
from poq.evaluators import cross_encoder
from poq.evaluators.scale import FixedScale
from poq.generation.base import ServingSettings
from poq.names import ColumnName, Name
from poq.rewards import RewardSettings, RewardStudySettings
from poq.schema import JUDGE, REFERENCE_METRICS, TABLES
from poq.settings import Settings
from poq.simulation.settings import RobustnessSettings
from poq.training.settings import TrainedModelSettings

if TYPE_CHECKING:
    from poq.dimensions.base import DimensionSettings
    from poq.evaluators.base import EvaluatorSettings

    PromptSource: TypeAlias = Any
    ModelSource: TypeAlias = Any
    InferenceNode: TypeAlias = Any
    ConsensusRule: TypeAlias = Any
    Evaluator: TypeAlias = EvaluatorSettings
    Dimension: TypeAlias = DimensionSettings
else:
    PromptSource = kinds.union("poq.corpus")
    ModelSource = kinds.union("poq.models")
    InferenceNode = kinds.union("poq.generation")
    Evaluator = kinds.union("poq.evaluators")
    ConsensusRule = kinds.union("poq.consensus")
    Dimension = kinds.union("poq.dimensions")

TaskName = Literal["qa", "summarization"]
GENERATING = ("template", "worked_example", "max_output_tokens")
"""Keys of a task that only a run needs whose outputs are generated."""
RESERVED = {
    *(column.name for name in ("reference_quality", "scores", "costs", "quality")
      for column in TABLES[name].columns),
    *LogColumns.model_fields, "references", "row", JUDGE,
}  # fmt: skip
"""Names that no quality of a log can have: it stands in one table with columns of these names."""
_PATTERNS = {
    r"^[a-z0-9][a-z0-9._-]*$": "lower-case letters, digits, '.', '_' and '-', "
    "the first a letter or digit",
    r"^[a-z][a-z0-9_]*$": "lower-case letters, digits and '_', the first a letter",
    r"^[0-9a-f]{64}$": "64 hexadecimal digits",
    r"^https?://[^@]+$": "a URL that begins with http:// or https:// and holds no password",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "the name of an environment variable",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*$": "name==version",
}


class TaskSettings(Settings):
    """One task: where its prompts come from and how they are put to a model.

    Logged outputs (source of kind `logs`) need no model: template, worked_example and
    max_output_tokens are then left out.
    """

    source: PromptSource = Field(
        description="Where the prompts come from; or, of kind `logs`, the outputs too."
    )
    sample: int | None = Field(
        None, ge=2, description="Prompts to draw, seeded; all of the source if left out."
    )
    reference: str = Field(
        "token_f1",
        description="The reference quality that summaries, figures and simulations use: token_f1, "
        "exact_match, rouge1, rouge2, rougeL, or a named quality of the task's log.",
    )
    template: str | None = Field(
        None, description="Prompt template, a file with $context and $question."
    )
    worked_example: str | None = Field(
        None,
        description="JSON file with context, question and answer, shown before the prompt to "
        "models without a chat template.",
    )
    max_output_tokens: int | None = Field(
        None, ge=1, description="Tokens after which an output is cut off."
    )
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Strings that end an output, once it has begun, and are not part of it."
    )

    @property
    def log(self) -> LogSettings | None:
        """The log that the outputs come from; None if they are generated."""
        return self.source if isinstance(self.source, LogSettings) else None

    def references(self) -> list[str]:
        """Return the reference qualities that the task's outputs have."""
        metrics = REFERENCE_METRICS if self.log is None or self.log.has_references else ()
        return [*metrics, *(self.log.qualities if self.log else ())]


class SplitSettings(Settings):
    """Training, calibration and test split; the test split has what the others leave."""

    training: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of prompts that trained evaluators learn from, with the nodes' outputs; "
        "nothing else is made of them.",
    )
    calibration: float = Field(
        gt=0, lt=1, description="Share of prompts that scales and weights are fitted on."
    )


class ScoringSettings(Settings):
    """How evaluators run."""

    threads: int = Field(1, ge=1, description="CPU threads of one evaluator while it scores.")
    chunk: int = Field(
        256,
        ge=1,
        description="Outputs that an evaluator is given, and that are kept, at once; it makes its "
        "batches within. Part of the result: other batches are rounded otherwise.",
    )
    judge: str | None = Field(
        None,
        description="The judge whose scores are one more reference for all other evaluators; only "
        "needed if several evaluators are judges.",
    )


class ShardSettings(Settings):
    """Jobs that a stage is split into, for many machines; the results do not depend on them.

    Choose before a run: another number runs a finished stage again, unless Snakemake is told
    `--rerun-triggers mtime params software-env`.
    """

    generation: int = Field(1, ge=1, description="Jobs that share the prompts of one node.")
    scoring: int = Field(1, ge=1, description="Jobs that share the outputs for one evaluator.")
    simulation: int = Field(1, ge=1, description="Jobs that share the cells of one grid.")


class CostSettings(Settings):
    """How costs are measured."""

    requests: int = Field(
        ge=3,
        description="Measured single requests of each node and task. Their median counts, and "
        "inference nodes all answer the same prompts: a few requests suffice where the quartiles "
        "in table `costs` lie close together.",
    )
    batch: int = Field(
        8,
        ge=0,
        description="Requests in one more call, which measures throughput; 0 or 1 for none.",
    )
    warmup: int = Field(1, ge=0, description="Requests before them that do not count.")
    threads: int = Field(1, ge=1, description="CPU threads of the node that is measured.")


class BootstrapSettings(Settings):
    """Confidence intervals, all of which resample prompts."""

    resamples: int = Field(ge=100, description="Number of resamples.")
    confidence: float = Field(gt=0, lt=1, description="Coverage of the intervals.")


class SimulationSettings(Settings):
    """The PoQ run: Monte Carlo rounds over the logged scores."""

    rounds: int = Field(ge=1, description="Rounds: one prompt, one inference node each.")
    evaluators_per_round: int = Field(
        ge=1, description="K, evaluator nodes sampled in a round without replacement."
    )
    evaluators: tuple[str, ...] | None = Field(
        None, min_length=1, description="Evaluators in the pool; all of `evaluators` if left out."
    )
    consensus: ConsensusRule = Field(description="Rule that turns K scores into one.")


class Config(Settings):
    """Everything that a run depends on."""

    run: Name = Field(description="Name of the run; its results lie in results/<run>/.")
    seed: int = Field(ge=0, description="Seed of every random choice.")
    model_cache: str = Field("cache/models", description="Folder of fetched models, for all runs.")
    tasks: dict[TaskName, TaskSettings] = Field(min_length=1, description="Tasks by name.")
    splits: SplitSettings
    models: dict[Name, ModelSource] = Field(description="Model folders: where each comes from.")
    trained_models: dict[Name, TrainedModelSettings] = Field(
        {}, description="Models that this run trains on its training split, for evaluators."
    )
    serving: ServingSettings = ServingSettings()
    inference_nodes: dict[Name, InferenceNode] = Field(
        {},
        description="Inference nodes: a model, and how it is served. At least two; none for "
        "logged outputs.",
    )
    scoring: ScoringSettings
    evaluators: dict[Name, Evaluator] = Field(min_length=1, description="Evaluators by name.")
    costs: CostSettings
    bootstrap: BootstrapSettings
    reward: RewardSettings
    reward_study: RewardStudySettings = RewardStudySettings()
    simulation: SimulationSettings
    robustness: RobustnessSettings = RobustnessSettings()
    dimensions: dict[ColumnName, Dimension] = Field(
        {}, description="Quality dimensions by name; none of their study without them."
    )
    calibration: CalibrationSettings = CalibrationSettings()
    shards: ShardSettings = ShardSettings()

    @model_validator(mode="after")
    def _references(self) -> Config:
        """Check what names something elsewhere in the configuration."""
        problems = [*self._tasks(), *self._training()]
        if (fitted := self.splits.training + self.splits.calibration) >= 1:
            problems.append(f"splits: found shares of {fitted:g} in all; expected less than 1")
        usable = {"inference_nodes": self.models, "evaluators": self.models | self.trained_models}
        for section, models in usable.items():
            for name, entry in getattr(self, section).items():
                model, served = model_of(entry), hasattr(entry, "endpoint")
                key = f"{section}.{name}.{'endpoint.serve' if served else 'model'}"
                if model is None:
                    continue
                known = self.models if served else models
                if model not in known:
                    problems.append(_unknown(key, model, known))
                elif model in self.models and self.models[model].keep_gguf != served:
                    problems.append(
                        f"{key}: found {model!r}, whose keep_gguf is {not served}; expected a "
                        f"model with keep_gguf: {str(served).lower()}"
                    )
        # A pool has a column of scores for each evaluator beside these keys.
        for name in sorted({"prompt_id", "task", "model"} & self.evaluators.keys()):
            problems.append(f"evaluators.{name}: found a name of another column; expected another")
        for name in self.simulation.evaluators or ():
            if name not in self.evaluators:
                problems.append(_unknown("simulation.evaluators", name, self.evaluators))
        pool = self.pool()
        if len(set(pool)) < len(pool):
            problems.append(f"simulation.evaluators: found {list(pool)}; expected no name twice")
        if self.simulation.evaluators_per_round > len(pool):
            problems.append(
                f"simulation.evaluators_per_round: found {self.simulation.evaluators_per_round}; "
                f"expected at most the number of evaluators in the pool, {len(pool)}"
            )
        problems += self._robustness()
        problems += self._dimensions()
        problems += self._drop_in()
        judges = self._judges()
        if self.scoring.judge is not None and self.scoring.judge not in judges:
            problems.append(_unknown("scoring.judge", self.scoring.judge, judges))
        elif self.scoring.judge is None and len(judges) > 1:
            problems.append(f"scoring.judge: is missing; expected one of {', '.join(judges)}")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def unpinned(self) -> list[str]:
        """Return a warning for each revision of the hub that is no commit hash and may move."""
        models = {f"models.{name}": source for name, source in self.models.items()}
        corpora = {f"tasks.{name}.source": task.source for name, task in self.tasks.items()}
        corpora |= {f"tasks.{n}.source.prompts": log.prompts for n, log in self.logs().items()}
        return [
            f"{key}.revision: {entry.revision!r} may move; pin it to a full commit hash"
            for key, entry in {**models, **corpora}.items()
            if not getattr(entry, "pinned", True)
        ]

    def logs(self) -> dict[str, LogSettings]:
        """Return the log of each task; empty for a run whose outputs are generated."""
        return {name: task.log for name, task in self.tasks.items() if task.log is not None}

    def _tasks(self) -> Iterator[str]:
        """Check that outputs are logged or generated, and what either of them needs."""
        logged = self.logs()
        if 0 < len(logged) < len(self.tasks):
            generated = sorted(set(self.tasks) - set(logged))
            yield (
                f"tasks: found logs for {', '.join(logged)} and none for {', '.join(generated)}; "
                "expected source.kind logs for all tasks or for none"
            )
            return
        if logged and self.inference_nodes:
            found = ", ".join(self.inference_nodes)
            yield f"inference_nodes: found {found}; expected none, since all outputs are logged"
        elif not logged and len(self.inference_nodes) < 2:
            yield f"inference_nodes: found {len(self.inference_nodes)}; expected at least 2"
        for name, task in self.tasks.items():
            for key in GENERATING:
                if (value := getattr(task, key)) is None and not logged:
                    yield f"tasks.{name}.{key}: is missing; expected a value"
                elif value is not None and logged:
                    yield f"tasks.{name}.{key}: found {value!r}; expected no such key for logs"
            if isinstance(task.source, LogSettings | RowSettings):
                for key, found, expected in task.source.problems(name):
                    yield f"tasks.{name}.source.{key}: found {found}; expected {expected}"
            if task.log is not None:
                yield from self._log(name, task.log)
            if task.reference not in task.references():
                known = dict.fromkeys(task.references())
                yield _unknown(f"tasks.{name}.reference", task.reference, known)

    def _log(self, name: str, log: LogSettings) -> Iterator[str]:
        """Check names of a task's log, and that nothing needs references that it lacks."""
        for quality in sorted(RESERVED & log.qualities.keys()):
            key = f"tasks.{name}.source.qualities.{quality}"
            yield f"{key}: found a name of another column; expected another"
        if log.has_references:
            return
        lacking = f"but tasks.{name}.source has no references; expected columns.reference, prompts"
        for evaluator, entry in self.evaluators.items():
            if entry.compares_with == "reference":
                key = f"evaluators.{evaluator}.compares_with"
                yield f"{key}: found 'reference', {lacking} or another evaluator"
        for trained in self.trained_models:
            yield f"trained_models.{trained}: learns from references, {lacking} or no such model"

    def _training(self) -> Iterator[str]:
        """Check trained models, and that their evaluators read what they were trained on."""
        for name, trained in self.trained_models.items():
            if name in self.models:
                yield f"trained_models.{name}: found a name of `models`; expected another"
            if trained.base not in self.models:
                yield _unknown(f"trained_models.{name}.base", trained.base, self.models)
            if not self.splits.training + trained.spare:
                yield (
                    f"trained_models.{name}.spare: found 0 prompts to learn from; expected some, "
                    "or splits.training above 0"
                )
        for name, evaluator in self.evaluators.items():
            model = self.trained_models.get(getattr(evaluator, "model", ""))
            if model is None:
                continue
            if not isinstance(evaluator, cross_encoder.Settings):
                kind = getattr(evaluator, "kind", None)
                yield f"evaluators.{name}.kind: found {kind!r}; expected 'cross_encoder'"
                continue
            # Without max_length it reads as much as its folder says: what it was trained on.
            trained_as = {"compares_with": model.target, "max_length": model.max_length}
            for key, value in trained_as.items():
                if (found := getattr(evaluator, key)) not in (value, None):
                    yield (
                        f"evaluators.{name}.{key}: found {found!r}; expected {value!r}, as its "
                        "model was trained"
                    )

    def _robustness(self) -> Iterator[str]:
        """Check the names and sizes of the grids of the robustness study."""
        for key, found, expected in self.robustness.problems():
            yield f"robustness.{key}: found {found!r}; expected {expected}"
        for name, grid in self.robustness.grids.items():
            # Logged models are known once their logs are read; the simulation checks the name.
            if self.logs() or grid.beneficiary is None:
                continue
            if grid.beneficiary not in self.inference_nodes:
                key = f"robustness.grids.{name}.beneficiary"
                yield _unknown(key, grid.beneficiary, self.inference_nodes)

    def _dimensions(self) -> Iterator[str]:
        """Check the names of dimensions, and that their evaluators can say what they are for."""
        keys = [column.name for column in TABLES["dimensions"].columns]
        for name, dimension in self.dimensions.items():
            if name in keys:
                yield f"dimensions.{name}: found a name of table `dimensions`; expected another"
            key = f"dimensions.{name}.evaluators"
            names = dimension.scored_by()
            if len(set(names)) < len(names):
                yield f"{key}: found {list(names)}; expected no name twice"
            if unknown := [found for found in names if found not in self.evaluators]:
                yield from (_unknown(key, found, self.evaluators) for found in unknown)
            elif isinstance(dimension, ScoredSettings):
                seen = {found: self.evaluators[found].compares_with for found in names}
                for found, target in seen.items():
                    if target not in dimension.targets:
                        yield (
                            f"{key}: found {found!r}, which compares with {target}; expected one "
                            f"that compares with {' or '.join(dimension.targets)}"
                        )
                if not dimension.mixed and len({t == "reference" for t in seen.values()}) > 1:
                    yield (
                        f"{key}: found {list(names)}, of which some compare with the reference; "
                        "expected all or none"
                    )
            if (similarity := dimension.compared_by()) is not None:
                yield from self._similarity(f"dimensions.{name}.similarity", similarity)

    def _similarity(self, key: str, name: str) -> Iterator[str]:
        """Check that an evaluator can compare two outputs with each other."""
        able = {
            found: entry
            for found, entry in self.evaluators.items()
            if entry.compares_outputs and isinstance(entry.scale, FixedScale)
        }
        if name not in self.evaluators:
            yield _unknown(key, name, able)
        elif name not in able:
            yield (
                f"{key}: found {name!r}; expected a bi_encoder, static_embedding or lexical "
                "evaluator with a fixed scale, which maps raw similarity to [0, 1]"
            )

    def _drop_in(self) -> Iterator[str]:
        """Check that the drop-in study has its composite, and evaluators to put it beside."""
        if not self.dimensions:
            return
        study, key = self.robustness.drop_in, "robustness.drop_in"
        based = {name for name in self.evaluators if not self.is_live(name)}
        unseen = based if study.signals == "live" else set()
        used = [n for n, d in self.dimensions.items() if unseen.isdisjoint(d.scored_by())]
        fitted, fixed = calibration.weightings(), [*given(dict.fromkeys(used, 1.0))]
        if study.variant not in (*fitted, *fixed):
            yield _unknown(f"{key}.variant", study.variant, dict.fromkeys([*fitted, *fixed]))
        elif study.variant in fixed and study.scope == "task":
            yield (
                f"{key}.scope: found 'task'; expected 'pooled', since nothing is fitted for "
                f"variant {study.variant!r}"
            )
        if unseen.issuperset(self.pool()):
            yield (
                f"{key}.signals: found 'live', while all evaluators of the pool compare with the "
                "reference; expected 'all', or one in simulation.evaluators that does not"
            )

    def _judges(self) -> dict[str, Evaluator]:
        return {n: e for n, e in self.evaluators.items() if e.architecture == JUDGE}

    def pool(self) -> tuple[str, ...]:
        """Return the names of the evaluator nodes of the simulation."""
        return self.simulation.evaluators or tuple(self.evaluators)

    def is_live(self, evaluator: str) -> bool:
        """Return whether an evaluator can score in a live network, where no reference exists."""
        return self.evaluators[evaluator].compares_with != "reference"

    def reference_based(self) -> dict[str, bool]:
        """Return which dimensions see the reference of the output that they are of.

        Those of which an evaluator compares with it. Similarities see outputs alone, and a model
        prior the references of other prompts: both exist in a live network.
        """
        return {
            name: any(not self.is_live(found) for found in dimension.scored_by())
            for name, dimension in self.dimensions.items()
        }

    def scored_by(self) -> list[str]:
        """Return the evaluators whose scores some dimension is made of."""
        return sorted({name for entry in self.dimensions.values() for name in entry.scored_by()})

    def compared_by(self) -> list[str]:
        """Return the evaluators by which some dimension compares outputs with each other."""
        return sorted({n for entry in self.dimensions.values() if (n := entry.compared_by())})

    def architectures(self) -> dict[str, str]:
        """Return how each evaluator is built; those that this run trains are a kind of their own.

        What a paper found of cross-encoders as they come says nothing of one that was trained here.
        """
        return {
            name: f"trained_{entry.architecture}"
            if model_of(entry) in self.trained_models
            else entry.architecture
            for name, entry in self.evaluators.items()
        }

    def judge(self) -> str | None:
        """Return the judge that other evaluators are compared with; None if the run has none."""
        return self.scoring.judge or next(iter(self._judges()), None)


def model_of(entry: Any) -> str | None:
    """Return the model folder, a key of ``models``, that a node or evaluator runs; None if none."""
    endpoint = getattr(entry, "endpoint", None)
    name: str | None = getattr(entry, "model", None) if endpoint is None else endpoint.serve
    return name


def uses_gpu(entry: Any) -> bool:
    """Return whether a node or evaluator computes on a GPU where there is one.

    Those do that load a model folder into torch, but int8, whose kernels are of the CPU. llama.cpp
    runs on the CPU, and a remote endpoint elsewhere.
    """
    return hasattr(entry, "model") and getattr(entry, "precision", None) != "int8"


def load(values: Mapping[str, Any], where: str) -> Config:
    """Return the typed configuration.

    Args:
        values: the parsed YAML.
        where: name of its file, for messages.

    Raises:
        PoqError: one line for each problem: key, what was found, what was expected.
    """
    if not_text := next(_keys_that_are_no_text(values), None):
        raise PoqError(f"{where}: {not_text}: found a key that is no text; put it in quotes")
    try:
        # Through JSON, strict validation takes lists for tuples, yet no text for a number.
        return Config.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in _explain(problem, values)]
        raise PoqError("\n".join(f"{where}: {line}" for line in lines)) from None


def load_file(path: str | Path) -> Config:
    """Read a YAML file and return its typed configuration.

    Raises:
        PoqError: the file is not YAML, or see :func:`load`.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PoqError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(values, dict):
        raise PoqError(f"{path}: expected a mapping of keys to values")
    return load(values, str(path))


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration; ``config/schema.json`` holds it."""
    return Config.model_json_schema()


def _keys_that_are_no_text(values: Any, path: str = "") -> Iterator[str]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            if not isinstance(key, str):
                yield f"{path}{key}"
            yield from _keys_that_are_no_text(value, f"{path}{key}.")


def _unknown(key: str, found: str, known: Mapping[str, Any]) -> str:
    return f"{key}: found {found!r}; expected one of {', '.join(known) or '(none configured)'}"


def _explain(problem: Any, values: Mapping[str, Any]) -> list[str]:
    """Return the messages of one pydantic error, with the key spelt as in the file."""
    kind, context, found = problem["type"], problem.get("ctx", {}), _short(problem["input"])
    if {"api_key_variable", "base_url"} & set(problem["loc"]):
        found = "(hidden: it may hold a secret)"
    if kind == "value_error" and not problem["loc"]:
        return str(context["error"]).split("\n")
    key = _key(problem["loc"], values, kind == "missing")
    if kind == "extra_forbidden":
        return [f"{key}: unknown key; found {found}, expected no such key"]
    if kind == "missing":
        return [f"{key}: is missing; expected a value"]
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "")
        return [f"{key}.{_tag(context)}: found {context['tag']!r}; expected one of {tags}"]
    if kind == "union_tag_not_found":
        return [f"{key}.{_tag(context)}: is missing; expected a value"]
    message = str(context["error"]) if kind == "value_error" else _in_words(problem)
    expected = message.removeprefix("Input should be ").removeprefix("expected ")
    return [f"{key}: found {found}; expected {expected}"]


def _in_words(problem: Any) -> str:
    """Return what pydantic expected, in the words of a YAML file."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _PATTERNS[context["pattern"]]
    if kind == "too_short":
        return f"at least {context['min_length']} entry"
    if kind in ("list_type", "tuple_type"):
        return "a list"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "a mapping of keys to values"
    return str(problem["msg"])


def _key(location: tuple[str | int, ...], values: Any, missing: bool) -> str:
    """Return a location as a dotted key, without the tags of unions that pydantic puts in."""
    parts = []
    for i, part in enumerate(location):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            if not missing or i < len(location) - 1:
                continue
        parts.append(str(part))
    return ".".join(parts)


def _tag(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
