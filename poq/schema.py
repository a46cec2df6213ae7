"""Every table's contract: columns, types, units, ranges. The one place where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

TASKS = ("qa", "summarization")
SPLITS = ("calibration", "test")
REFERENCE_METRICS = ("token_f1", "exact_match", "rouge1", "rouge2", "rougeL")
CORRUPTIONS = (
    "untouched", "truncated", "entity_swapped", "shuffled", "widened", "misplaced", "echoed",
    "off_topic", "looped", "node_output",
)  # fmt: skip
ROBUSTNESS_METRICS = (
    "pearson", "spearman", "mae", "bias", "inference_reward", "inference_reward_sd",
    "evaluator_reward", "evaluator_reward_sd", "honest_reward", "honest_reward_sd",
    "malicious_reward", "malicious_reward_sd", "honest_deviation", "malicious_deviation",
    "identities", "trust_honest", "trust_malicious", "at_cap_honest", "at_cap_malicious",
    "half_saturated", "saturated", "profit",
)  # fmt: skip
"""Statistics of a simulated cell: see ``poq.simulation.statistics.replications``."""
MULTI_DIMENSIONAL = (
    "similarities", "dimensions", "dimension_audit", "dimension_redundancy", "composites",
    "weights", "calibration", "drop_in",
)  # fmt: skip
"""Tables that a run without dimensions does not have."""
KEPT = "kept"
"""Outcome of the rows of a log that are not bad."""
JUDGE = "judge"
"""Architecture of evaluators whose scores may be a reference for others, and that reference."""
STRING, FLOAT, INT, BOOL = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()


@dataclass(frozen=True)
class Column:
    """A column: type, meaning, unit, closed range, allowed values, whether null may occur."""

    name: str
    dtype: pl.DataType
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] | None = None
    nullable: bool = False

    def range_text(self) -> str:
        """Return the range or the allowed values in words; empty where anything may stand."""
        if self.values is not None:
            return ", ".join(self.values)
        if self.low is None and self.high is None:
            return ""
        low = "(-inf" if self.low is None else f"[{self.low:g}"
        high = "inf)" if self.high is None else f"{self.high:g}]"
        return f"{low}, {high}"


@dataclass(frozen=True)
class Table:
    """A long table: its place under ``results/<run>/``, meaning, key and columns.

    ``further`` is the contract of columns that the configuration names, after those listed; its own
    name is what the data dictionary calls them. Without it, no other column may occur.
    """

    name: str
    path: str
    description: str
    key: list[str]
    columns: list[Column] = field(default_factory=list)
    further: Column | None = None

    def contract(self) -> list[Any]:
        """Return all that is enforced, as JSON values: no descriptions and no units."""
        enforced = [
            [c.name, str(c.dtype), c.low, c.high, c.values, c.nullable]
            for c in [*self.columns, *([self.further] if self.further else [])]
        ]
        return [self.name, self.key, enforced]

    def columns_of(self, frame: pl.DataFrame) -> list[Column]:
        """Return the contract of each column that a frame may keep, those of ``further`` sorted."""
        if self.further is None:
            return self.columns
        known = {column.name for column in self.columns}
        named = sorted(name for name in frame.columns if name not in known)
        return [*self.columns, *(replace(self.further, name=name) for name in named)]

    def frame(self, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
        """Return rows, of all columns by name, in the contract's types; it may be none."""
        return pl.DataFrame(list(rows), schema={c.name: c.dtype for c in self.columns})


PROMPT_ID = Column("prompt_id", STRING, "identifier of the prompt, unique over tasks")
TASK = Column("task", STRING, "task of the prompt", values=TASKS)
MODEL = Column("model", STRING, "inference node: a language model as it is served")
EVALUATOR = Column("evaluator", STRING, "evaluator node: a scoring method as it is configured")
REFERENCE = Column(
    "reference", STRING, "reference quality: a metric, or a named quality of the logs"
)
NODE = Column("node", STRING, "name of the inference or evaluator node")
KIND = Column("kind", STRING, "kind of the node", values=("inference", "evaluator"))
COMPARES_WITH = Column(
    "compares_with", STRING, "what the evaluator compares the output with",
    values=("reference", "question", "context", "question+context", "question+evidence"),
)  # fmt: skip
SIZE = [
    Column("parameters", INT, "weights of the model, before quantisation; null without a model",
           low=1, nullable=True),
    Column("model_bytes", INT, "bytes of the weights as they are served; null without a model",
           unit="bytes", low=1, nullable=True),
]  # fmt: skip


RAW = [
    Column("raw", FLOAT, "value on the evaluator's own scale, maximum over references; null for an "
           "empty output, which is not shown to the evaluator, and where the score is missing",
           nullable=True),
    Column("missing", STRING, "why the evaluator gave no score; null where it gave one",
           nullable=True),
]  # fmt: skip
POOLED_TASK = Column(
    "task", STRING, "task; 'pooled' for all rounds", values=(*TASKS, "pooled")
)  # fmt: skip
DIMENSION = Column("dimension", STRING, "quality dimension, by its name in the configuration")
REFERENCE_BASED = Column(
    "reference_based", BOOL, "made with the output's own reference, which no live network has"
)
COMPOSITE_KEY = ("signals", "scope", "variant")
COMPOSITE = [
    Column("signals", STRING, "all: dimensions and evaluators of every kind; live: only those "
           "without a reference", values=("all", "live")),
    Column("scope", STRING, "weights fitted for each task, or pooled for all",
           values=("task", "pooled")),
    Column("variant", STRING, "default, without-<dimension>, a weighting's name, "
           "evaluator:<name> or consensus:<rule>"),
]  # fmt: skip


def _unit(name: str, description: str) -> Column:
    return Column(name, FLOAT, description, low=0, high=1)


def _quality(name: str, what: str) -> Column:
    description = f"{what}, maximum over references; null without a reference"
    return Column(name, FLOAT, description, low=0, high=1, nullable=True)


def _estimate(name: str, what: str, low: float | None, high: float | None) -> list[Column]:
    """A reported value with its confidence interval; null where it is undefined."""
    ends = ((name, what), (f"{name}_low", "lower end"), (f"{name}_high", "upper end"))
    return [Column(n, FLOAT, w, low=low, high=high, nullable=True) for n, w in ends]


def _count(name: str, description: str, unit: str = "") -> Column:
    return Column(name, INT, description, unit=unit, low=0)


GRID = Column("grid", STRING, "name of the grid in the configuration")
SPLIT = Column(
    "split",
    STRING,
    "split whose prompts are played: choose on calibration, report on test",
    values=SPLITS,
)
CELL = [
    Column("consensus", STRING, "consensus rule, by its name in the configuration"),
    Column("trust", STRING, "trust update, by its name"),
    Column("k", INT, "K, evaluator nodes sampled in a round", low=1),
    Column("attack", STRING, "what malicious nodes do, by its name"),
]
MALICIOUS_RATIO = Column(
    "malicious_ratio", FLOAT, "share of malicious evaluator nodes", low=0, high=1
)
MALICIOUS = Column(
    "malicious", INT, "malicious evaluator nodes: the ratio's, rounded half up", low=0
)
POOL = [
    Column("nodes", INT, "evaluator nodes in the pool", low=1),
    Column(
        "effective_evaluators",
        FLOAT,
        "how many of them are independent, by the correlation of their scores",
        low=1,
    ),
]


def _simulated(what: str, n: str) -> list[Column]:
    """A mean over replications with its interval; null where it is undefined."""
    return [
        Column("n", INT, n, low=0),
        Column("value", FLOAT, what, nullable=True),
        Column(
            "low",
            FLOAT,
            "lower end of its interval (Student's t over replications); null for fewer than two",
            nullable=True,
        ),
        Column("high", FLOAT, "upper end", nullable=True),
    ]


_TABLES = [
    Table(
        "prompts", "prompts.parquet", "task instances with their references", ["prompt_id"],
        [
            PROMPT_ID,
            TASK,
            Column("question", STRING, "question; null for summarization", nullable=True),
            Column("context", STRING, "passage or article"),
            Column("references", pl.List(pl.String()), "accepted answers or reference summaries; "
                   "empty for a log without any"),
            Column("prompt", STRING, "what is asked of a model: the task's template, filled in; "
                   "null for logged outputs, whose models were asked elsewhere", nullable=True),
            Column("source", STRING, "where the row came from: file or dataset, with revision"),
            Column("split", STRING, "fit on calibration, report on test; trained evaluators "
                   "learn from training, which nothing else uses", values=(*SPLITS, "training")),
        ],
    ),
    Table(
        "outputs", "outputs/<model>.parquet", "what one inference node returned; of a run over "
        "logs, `outputs/logged.parquet` holds what all models returned",
        ["prompt_id", "model"],
        [
            PROMPT_ID,
            MODEL,
            Column("output", STRING, "returned text, stripped; may be empty"),
            Column("input_tokens", INT, "tokens given to the model; null without a tokenizer",
                   unit="tokens", low=0, nullable=True),
            Column("output_tokens", INT, "tokens generated, the end-of-sequence token included; "
                   "null without a tokenizer", unit="tokens", low=0, nullable=True),
            Column("input_truncated", BOOL, "the context was cut to fit the input limit; null for "
                   "logged outputs", nullable=True),
            Column(
                "finish_reason", STRING, "eos: the model ended; stop: a stop string; length: cut; "
                "null for logged outputs", values=("eos", "stop", "length"), nullable=True,
            ),
            Column("seed", INT, "seed of sampling; null where decoding is greedy, and for logged "
                   "outputs", nullable=True),
        ],
    ),
    Table(
        "logged", "logged.parquet", "what logs tell of their outputs", ["prompt_id", "model"],
        [
            PROMPT_ID,
            MODEL,
            TASK,
            Column("seconds", FLOAT, "latency; null where the log has none", unit="s", low=0,
                   nullable=True),
            Column("cost", FLOAT, "cost, in the unit of the log; null where it has none", low=0,
                   nullable=True),
        ],
        further=Column("<quality>", FLOAT, "one column a named quality of the logs, mapped from "
                       "its range; null in tasks whose log lacks it", low=0, high=1,
                       nullable=True),
    ),
    Table(
        "prompt_rows", "prompt_rows.parquet", "what became of the rows that prompts are drawn from",
        ["task", "outcome"],
        [
            TASK,
            Column("outcome", STRING, f"{KEPT}, or the first reason for which a row is left out, "
                   "see poq/corpus/rows.py"),
            _count("rows", "rows of the source, before prompts are drawn; none for a log with its "
                   "own contexts"),
        ],
    ),
    Table(
        "log_rows", "log_rows.parquet", "what became of the rows of logs", ["task", "outcome"],
        [
            TASK,
            Column("outcome", STRING, f"{KEPT}, or the first reason for which a row is bad, see "
                   "poq/corpus/logs.py"),
            _count("rows", "rows of the log, before prompts are drawn"),
        ],
    ),
    Table(
        "profile", "profile/<kind>/<node>.parquet",
        "measured seconds of requests to one node: single ones, and several at once",
        ["node", "kind", "task", "request"],
        [
            NODE,
            KIND,
            TASK,
            _count("request", "index of the call, after the warm-up"),
            Column("prompt_id", STRING, "prompt of the call, the first one of several"),
            Column("batch", INT, "requests in the call; 1 measures latency, more measure "
                   "throughput", unit="requests", low=1),
            Column("seconds", FLOAT, "wall-clock seconds of the call", unit="s", low=0),
            Column("output_tokens", INT, "tokens generated in the call; null for evaluators and "
                   "for nodes without a tokenizer", unit="tokens", low=0, nullable=True),
            Column("peak_memory", FLOAT, "peak memory of the process so far, libraries and model "
                   "included (CPU: resident set; CUDA: allocated)", unit="MiB", low=0),
            *SIZE,
            Column("hardware", STRING, "processor, threads and accelerator"),
        ],
    ),
    Table(
        "costs", "costs.parquet", "cost of every node, from its profile; of logged models, from "
        "their logs", ["node", "kind", "task"],
        [
            NODE,
            KIND,
            TASK,
            _count("n", "single requests measured, or rows of a log that tell a latency or cost"),
            Column("seconds", FLOAT, "median seconds of a single request; null for a log without "
                   "latencies", unit="s", low=0, nullable=True),
            Column("seconds_q1", FLOAT, "first quartile", unit="s", low=0, nullable=True),
            Column("seconds_q3", FLOAT, "third quartile", unit="s", low=0, nullable=True),
            Column("tokens_per_second", FLOAT, "all output tokens over all seconds of single "
                   "requests; null without output tokens", unit="tokens/s", low=0, nullable=True),
            Column("batch", INT, "requests of a call that measures throughput; null if none does",
                   unit="requests", low=2, nullable=True),
            Column("batch_requests_per_second", FLOAT, "requests over seconds of such calls",
                   unit="requests/s", low=0, nullable=True),
            Column("batch_tokens_per_second", FLOAT, "output tokens over seconds of such calls",
                   unit="tokens/s", low=0, nullable=True),
            Column("peak_memory", FLOAT, "largest peak memory of single requests; null for logs",
                   unit="MiB", low=0, nullable=True),
            *SIZE,
            Column("hardware", STRING, "processor, threads and accelerator; null for logs",
                   nullable=True),
            _unit("cost", "normalised cost: 0 the cheapest of its kind and task, 1 the dearest; 0 "
                  "for all logged models where their log tells neither cost nor latency"),
        ],
    ),
    Table(
        "reference_quality", "reference_quality.parquet",
        "offline ground-truth proxies of every output", ["prompt_id", "model"],
        [
            PROMPT_ID,
            MODEL,
            TASK,
            Column("split", STRING, "split of the prompt", values=SPLITS),
            _quality("token_f1", "SQuAD token F1"),
            _quality("exact_match", "SQuAD exact match"),
            _quality("rouge1", "ROUGE-1 F-measure"),
            _quality("rouge2", "ROUGE-2 F-measure"),
            _quality("rougeL", "ROUGE-L F-measure"),
        ],
        further=Column("<quality>", FLOAT, "one column a named quality of the logs, such as a "
                       "human score; null in tasks whose log lacks it", low=0, high=1,
                       nullable=True),
    ),
    Table(
        "quality", "quality.parquet", "mean reference quality of every inference node on the "
        "test split", ["model", "task", "reference"],
        [
            MODEL,
            TASK,
            REFERENCE,
            _count("n", "outputs"),
            _count("n_prompts", "prompts"),
            *_estimate("mean", "mean reference quality, interval over prompts", 0, 1),
        ],
    ),
    Table(
        "pareto", "pareto.parquet", "which inference nodes no other one beats on both quality and "
        "seconds, on the test split", ["node", "task", "reference"],
        [
            NODE,
            TASK,
            REFERENCE,
            _count("n", "outputs"),
            _count("n_prompts", "prompts"),
            _unit("quality", "mean reference quality"),
            Column("seconds", FLOAT, "median seconds a request; null for a log without latencies",
                   unit="s", low=0, nullable=True),
            Column("front", BOOL, "no other node is at least as good and as fast, and better in "
                   "one; equal nodes stand on the front together; null without seconds",
                   nullable=True),
            Column("front_share", FLOAT, "share of resamples of prompts in which it is on the "
                   "front; null for one prompt, and without seconds", low=0, high=1, nullable=True),
        ],
    ),
    Table(
        "raw_scores", ".shards/raw_scores/<evaluator>/<shard>.parquet", "what one evaluator gave "
        "for the outputs of one shard, on no scale yet: another scale needs no evaluator",
        ["prompt_id", "model", "evaluator"],
        [
            PROMPT_ID,
            MODEL,
            EVALUATOR,
            *RAW,
        ],
    ),
    Table(
        "scores", "scores/<evaluator>.parquet", "scores of one evaluator for every output",
        ["prompt_id", "model", "evaluator"],
        [
            PROMPT_ID,
            MODEL,
            EVALUATOR,
            TASK,
            Column("split", STRING, "split of the prompt", values=SPLITS),
            RAW[0],
            Column("score", FLOAT, "score on the common scale; 0 for an empty output; null where "
                   "it is missing", low=0, high=10, nullable=True),
            RAW[1],
        ],
    ),
    Table(
        "scales", "scales/<evaluator>.parquet", "how raw values map to scores",
        ["evaluator", "task"],
        [
            EVALUATOR,
            TASK,
            COMPARES_WITH,
            Column("method", STRING, "fixed in the configuration, or fitted on the calibration "
                   "split", values=("fixed", "fitted")),
            Column("low", FLOAT, "raw value of score 0"),
            Column("high", FLOAT, "raw value of score 10; equal to low if all raw values of the "
                   "calibration split agree, and then every score is 5"),
            _count("n", "raw values that it was fitted on; 0 if fixed"),
        ],
    ),
    Table(
        "training", "training/<trained>.parquet", "texts that one evaluator's model is trained "
        "on, for prompts of the training split alone", ["prompt_id", "output"],
        [
            PROMPT_ID,
            Column("output", STRING, "corrupted or untouched reference, or output of a node"),
            TASK,
            Column("part", STRING, "fit: seen by training; held_out: only its loss is reported",
                   values=("fit", "held_out")),
            Column("corruption", STRING, "how the text was made", values=CORRUPTIONS),
            Column("grade", FLOAT, "how strong the corruption was meant to be; null for a "
                   "node's output", low=0, high=1, nullable=True),
            _unit("label", "what the text is worth: token F1 or ROUGE-L with the references"),
        ],
    ),
    Table(
        "reliability", "reliability.parquet", "agreement of evaluators with reference quality, "
        "and with the judge, on the test split", ["evaluator", "task", "reference"],
        [
            EVALUATOR,
            Column("task", STRING, "task; 'pooled' for all", values=(*TASKS, "pooled")),
            Column("reference", STRING, "reference quality: a metric, or a named quality of the "
                   "logs; 'judge' for the score that the judge gave the same output"),
            Column("architecture", STRING, "how the evaluator is built: its kind, or what it is "
                   "among several of one kind"),
            COMPARES_WITH,
            _count("n", "outputs that both have a value for"),
            _count("n_prompts", "prompts"),
            *_estimate("pearson", "Pearson's r; null if a variable is constant", -1, 1),
            *_estimate("spearman", "Spearman's rho; null if a variable is constant", -1, 1),
            *_estimate("kendall", "Kendall's tau-b; null if a variable is constant", -1, 1),
        ],
    ),
    Table(
        "rounds", "simulation/rounds.parquet", "the PoQ rounds: one output, its consensus",
        ["round"],
        [
            _count("round", "index of the round"),
            PROMPT_ID,
            TASK,
            MODEL,
            Column("consensus", FLOAT, "consensus of the sampled scores: K, or fewer where fewer "
                   "evaluators scored the output", low=0, high=10),
        ],
    ),
    Table(
        "ratings", "simulation/ratings.parquet", "the scores that the sampled evaluators gave",
        ["round", "evaluator"],
        [
            _count("round", "index of the round"),
            EVALUATOR,
            Column("score", FLOAT, "score that the evaluator gave", low=0, high=10),
            _unit("deviation", "distance of the score from the consensus, |s - c| / 10"),
        ],
    ),
    Table(
        "rewards", "simulation/rewards.parquet", "mean reward of every node over the PoQ rounds",
        ["node", "kind", "task"],
        [
            NODE,
            KIND,
            POOLED_TASK,
            _count("rounds", "rounds that the node took part in"),
            _count("n_prompts", "prompts of those rounds"),
            *_estimate("quality", "mean paid quality: c/10, or 1 - |s - c|/10", 0, 1),
            *_estimate("cost", "mean normalised cost", 0, 1),
            *_estimate("reward", "mean reward, interval over prompts", None, None),
            *_estimate("normalized_reward", "mean reward, 0 at the least and 1 at the greatest "
                       "that any node can earn in a round (-beta and alpha)", 0, 1),
        ],
    ),
    Table(
        "reward_study", "simulation/reward_study.parquet", "what every node would earn in the same "
        "rounds under other weights of quality and cost",
        ["kind", "task", "node", "alpha", "beta"],
        [
            NODE,
            KIND,
            POOLED_TASK,
            Column("alpha", FLOAT, "weight of quality", low=0),
            Column("beta", FLOAT, "weight of normalised cost", low=0),
            Column("own", BOOL, "these are the weights that the run pays by"),
            _count("rounds", "rounds that the node took part in"),
            _count("n_prompts", "prompts of those rounds"),
            *_estimate("reward", "mean reward, interval over prompts", None, None),
            *_estimate("normalized_reward", "mean reward, 0 at -beta and 1 at alpha; null for "
                       "alpha = beta = 0, where there is nothing to earn", 0, 1),
            *_estimate("gain", "normalised reward less that under the run's own weights", -1, 1),
            _count("rank", "place by mean reward among the nodes of its kind and task, 1 the "
                   "best; equal rewards share the better place"),
            Column("lead_share", FLOAT, "share of resamples of prompts in which no other node of "
                   "its kind earns more; null for one prompt", low=0, high=1, nullable=True),
        ],
    ),
    Table(
        "reward_flips", "simulation/reward_flips.parquet", "where two nodes swap places by mean "
        "reward as cost weighs more", ["kind", "task", "dearer", "cheaper"],
        [
            KIND,
            POOLED_TASK,
            Column("dearer", STRING, "the node of greater mean cost; of equal ones the first by "
                   "name"),
            Column("cheaper", STRING, "the other node"),
            _count("rounds", "rounds that either took part in"),
            _count("n_prompts", "prompts of those rounds"),
            *_estimate("ratio", "beta / alpha at which both earn the same: below it the dearer "
                       "node earns more, above it the cheaper one; not positive: the cheaper one "
                       "earns more at any; null: equal costs, no swap", None, None),
            Column("flip_share", FLOAT, "share of resamples of prompts in which they swap at a "
                   "positive ratio; null for one prompt", low=0, high=1, nullable=True),
        ],
    ),
    Table(
        "robustness", "simulation/robustness/<grid>.parquet", "statistics of simulated networks "
        "under attack, one grid; deviations and errors in points, rewards a round or rating",
        ["grid", "split", "consensus", "trust", "k", "attack", "malicious_ratio", "metric"],
        [
            GRID,
            SPLIT,
            *CELL,
            MALICIOUS_RATIO,
            MALICIOUS,
            *POOL,
            Column("rounds", INT, "rounds of a replication", low=1),
            Column("metric", STRING, "pearson, spearman, mae and bias of consensus against "
                   "reference quality (mae, bias in points); means and standard deviations (_sd) "
                   "of rewards, over rounds for inference nodes and over ratings for evaluator "
                   "nodes; mean deviations in [0, 1]; new identities; trust and share of nodes "
                   "at its cap after the last round; round after which half of the nodes, all, "
                   "stood there; profit: what the coalition earns in a round more than the same "
                   "nodes if honest", values=ROBUSTNESS_METRICS),
            *_simulated("mean over replications; null where it is defined in none",
                        "replications where it is defined"),
        ],
    ),
    Table(
        "break_even", "simulation/break_even/<grid>.parquet", "from what number of malicious "
        "nodes on an attack pays", ["grid", "split", "consensus", "trust", "k", "attack"],
        [
            GRID,
            SPLIT,
            *CELL,
            *POOL,
            *_simulated("malicious nodes from which on profit stays positive, up to the most that "
                        "the grid has, interpolated; null if it never does",
                        "replications in which the attack pays at the most malicious nodes; the "
                        "value is their mean"),
        ],
    ),
    Table(
        "trust_trajectories", "simulation/trust_trajectories.parquet", "trust over the rounds, on "
        "the test split",
        ["consensus", "trust", "k", "attack", "malicious_ratio", "round", "metric"],
        [
            *CELL,
            MALICIOUS_RATIO,
            MALICIOUS,
            *POOL,
            Column("round", INT, "rounds played", low=1),
            Column("metric", STRING, "mean trust, and share of nodes at its cap, of honest and of "
                   "malicious nodes",
                   values=("trust_honest", "trust_malicious", "at_cap_honest", "at_cap_malicious")),
            *_simulated("mean over replications; null without such nodes",
                        "replications"),
        ],
    ),
    Table(
        "recommendations", "simulation/recommendations.parquet", "which rule, trust update and K "
        "for a threat level: chosen on the calibration split by least worst-case error over the "
        "attacks of a grid, reported on the test split", ["grid", "malicious_ratio"],
        [
            GRID,
            MALICIOUS_RATIO,
            MALICIOUS,
            *POOL,
            Column("consensus", STRING, "chosen consensus rule"),
            Column("trust", STRING, "chosen trust update"),
            Column("k", INT, "chosen K; of equal choices the least K, then the first of the grid",
                   low=1),
            Column("candidates", INT, "choices that were compared", low=1),
            Column("attacks", INT, "attacks that each was compared under", low=1),
            Column("calibration_mae", FLOAT, "worst-case mean absolute error on the calibration "
                   "split, by which it was chosen: too good to be expected again",
                   unit="points", low=0, high=10),
            Column("attack", STRING, "worst attack on the test split; null without malicious "
                   "nodes", nullable=True),
            _count("n_prompts", "prompts of the test split"),
            *_estimate("mae", "worst-case mean absolute error on the test split, in points, "
                       "interval over prompts", 0, 10),
            *_estimate("gain", "worst-case error of the plain mean at the same K less that of the "
                       "choice, in points, interval over prompts", -10, 10),
            Column("profit", FLOAT, "largest profit of any attack on the test split, in a round"),
            Column("reward_sd", FLOAT, "largest standard deviation of an evaluator node's "
                   "rewards in a round, over the attacks, on the test split", low=0),
        ],
    ),
    Table(
        "contrasts", "simulation/contrasts.parquet", "what the findings of robust PoQ rest on, on "
        "the test split", ["contrast", "consensus", "attack"],
        [
            Column("contrast", STRING, "mae_saved: mean absolute error of the rule it is set "
                   "against less its own, in points; reward_by_k: mean reward of evaluator nodes "
                   "at the largest K less that at the smallest; rounds_to_cap: rounds until half "
                   "of the nodes stand at the cap of the published trust update; "
                   "rounds_predicted: the same by its formula; saturation: the first over the "
                   "second",
                   values=("mae_saved", "reward_by_k", "rounds_to_cap", "rounds_predicted",
                           "saturation")),
            Column("consensus", STRING, "consensus rule, by its name in the configuration"),
            Column("against", STRING, "what it is set against: a rule, or the smallest K; null "
                   "for nothing", nullable=True),
            Column("attack", STRING, "what malicious nodes do, by its name; honest: nobody is "
                   "malicious"),
            Column("trust", STRING, "trust update, by its name"),
            MALICIOUS_RATIO,
            Column("k", INT, "K, evaluator nodes sampled in a round", low=1),
            *POOL,
            _count("n", "rounds played on each side, all replications"),
            _count("n_prompts", "prompts"),
            *_estimate("value", "the contrast, interval over prompts; null where half of the "
                       "nodes do not get to the cap", None, None),
        ],
    ),
    Table(
        "round_log", "simulation/round_log/<consensus>/<trust>/<attack>/<k>/<malicious_ratio>/"
        "<replication>.parquet", "every rating of one simulated replication on the test split, "
        "written on request", ["round", "node"],
        [
            _count("round", "index of the round"),
            PROMPT_ID,
            MODEL,
            Column("consensus", FLOAT, "consensus of the reported scores", low=0, high=10),
            Column("node", INT, "index of the evaluator node", low=0),
            EVALUATOR,
            Column("malicious", BOOL, "the node is malicious"),
            Column("honest_score", FLOAT, "score as the node found it", low=0, high=10),
            Column("score", FLOAT, "score as it reported it", low=0, high=10),
            Column("trust", FLOAT, "its trust before the round", low=0),
            Column("deviation", FLOAT, "distance of the reported score from the consensus, "
                   "|s - c| / 10", low=0, high=1),
            Column("reward", FLOAT, "what it earned"),
        ],
    ),
    Table(
        "similarities", "similarities/<evaluator>.parquet", "how alike two nodes' outputs for one "
        "prompt are, by the scale of one evaluator", ["prompt_id", "model", "other"],
        [
            PROMPT_ID,
            Column("model", STRING, "inference node, the first of the two by name"),
            Column("other", STRING, "the other inference node"),
            _unit("similarity", "similarity of their outputs: 0 if either is empty, and one that "
                  "fails to be compared has no row"),
        ],
    ),
    Table(
        "dimensions", "dimensions.parquet", "quality of every output in several dimensions",
        ["prompt_id", "model"],
        [
            PROMPT_ID,
            MODEL,
            TASK,
            Column("split", STRING, "split of the prompt", values=SPLITS),
        ],
        further=Column("<dimension>", FLOAT, "one column a dimension, by its name in the "
                       "configuration; `<dimension>.<signal>` is a signal that it is made of; null "
                       "where it is undefined", low=0, high=1, nullable=True),
    ),
    Table(
        "dimension_audit", "dimension_audit.parquet", "whether a dimension goes with reference "
        "quality: choose by the calibration split, report the test split",
        ["dimension", "task", "reference", "split"],
        [
            DIMENSION,
            Column("part_of", STRING, "dimension that a signal belongs to; null for a dimension",
                   nullable=True),
            POOLED_TASK,
            Column("reference", STRING, "reference quality"),
            Column("split", STRING, "split of the prompts", values=SPLITS),
            REFERENCE_BASED,
            _count("n", "outputs that both have a value for"),
            _count("n_prompts", "prompts"),
            *_estimate("pearson", "Pearson's r; null if a variable is constant", -1, 1),
            *_estimate("spearman", "Spearman's rho; null if a variable is constant", -1, 1),
            Column("verdict", STRING, "by Pearson's r and its interval, see poq/audit.py",
                   values=("reliable", "useless", "harmful")),
        ],
    ),
    Table(
        "dimension_redundancy", "dimension_redundancy.parquet", "how far two dimensions say the "
        "same, on the test split", ["dimension", "other", "task"],
        [
            DIMENSION,
            Column("other", STRING, "the other dimension, later by name"),
            POOLED_TASK,
            _count("n", "outputs that both have a value for"),
            _count("n_prompts", "prompts"),
            *_estimate("pearson", "Pearson's r; null if a variable is constant", -1, 1),
        ],
    ),
    Table(
        "composites", "composites.parquet", "every output's quality by every composite",
        ["prompt_id", "model", *COMPOSITE_KEY],
        [
            PROMPT_ID,
            MODEL,
            TASK,
            Column("split", STRING, "split of the prompt", values=SPLITS),
            *COMPOSITE,
            Column("value", FLOAT, "weighted mean of the dimensions that the output has; null if "
                   "it has none of them", low=0, high=1, nullable=True),
        ],
    ),
    Table(
        "weights", "weights.parquet", "weight of every dimension in every composite, fitted on the "
        "calibration split", [*COMPOSITE_KEY, "task", "dimension"],
        [
            *COMPOSITE,
            Column("task", STRING, "task whose outputs it weighs; 'pooled' for one set of weights "
                   "for all", values=(*TASKS, "pooled")),
            DIMENSION,
            _unit("weight", "weight; those of a composite add up to 1, or are all 0 where no "
                  "dimension is left"),
        ],
    ),
    Table(
        "calibration", "calibration.parquet", "the ladder: how well composites, single evaluators "
        "and consensus go with reference quality; fitted and chosen on the calibration split, "
        "reported on the test split", [*COMPOSITE_KEY, "task", "split"],
        [
            *COMPOSITE,
            Column("role", STRING, "default: weights of the configuration; ablation: default less "
                   "one dimension; calibrated: weights chosen on the calibration split; single: "
                   "one evaluator; consensus: a rule over all of them",
                   values=("default", "ablation", "calibrated", "single", "consensus")),
            Column("task", STRING, "task of the outputs; 'pooled' for all",
                   values=(*TASKS, "pooled")),
            Column("split", STRING, "split of the outputs: calibration is in-sample",
                   values=SPLITS),
            Column("reference", STRING, "reference quality of the task; several joined by '+'"),
            _count("n", "outputs"),
            _count("n_prompts", "prompts"),
            *_estimate("pearson", "Pearson's r with reference quality", -1, 1),
            *_estimate("spearman", "Spearman's rho", -1, 1),
            *_estimate("over_default", "r less that of the default composite of the same signals, "
                       "on the same resamples", -2, 2),
            Column("best_single", STRING, "single evaluator of greatest r on the calibration split",
                   nullable=True),
            *_estimate("over_single", "r less that of the best single evaluator, likewise", -2, 2),
            Column("best_consensus", STRING, "consensus rule of greatest r on the calibration "
                   "split", nullable=True),
            *_estimate("over_consensus", "r less that of the best consensus, likewise", -2, 2),
            *_estimate("optimism", "r of the same choice (of weights, of the best evaluator or "
                       "consensus) if made on these very outputs, less the r of this one; null on "
                       "the calibration split and where nothing is chosen", -2, 2),
        ],
    ),
    Table(
        "drop_in", "simulation/drop_in.parquet", "a composite as the quality signal of PoQ under "
        "attack, on the test split", ["signal", "defence", "attack"],
        [
            Column("signal", STRING, "what evaluator nodes score by: the evaluators as they are, "
                   "the composite alone, or the composite as one more evaluator",
                   values=("evaluators", "composite", "evaluators+composite")),
            Column("defence", STRING, "none: mean; rule: robust consensus rule; trust: trust-"
                   "weighted mean under an adaptive trust update; both: a robust rule that weighs "
                   "by that trust", values=("none", "rule", "trust", "both")),
            *CELL,
            MALICIOUS_RATIO,
            MALICIOUS,
            *POOL,
            Column("rounds", INT, "rounds of a replication", low=1),
            Column("replications", INT, "replications", low=1),
            _count("n_prompts", "prompts"),
            _count("undefined", "outputs whose composite is undefined (none of its dimensions is "
                   "left), which are played as 5, the middle; 0 where evaluators score alone"),
            *_estimate("mae", "mean absolute error of consensus, in points, interval over prompts",
                       0, 10),
            *_estimate("pearson", "Pearson's r of consensus with reference quality, likewise",
                       -1, 1),
            *_estimate("mae_saved", "mean absolute error of the evaluators' mean under the same "
                       "attack less its own", -10, 10),
            *_estimate("pearson_gained", "r less that of the evaluators' mean", -2, 2),
        ],
    ),
    Table(
        "findings", "findings.parquet", "what was published beside what this run found",
        ["finding"],
        [
            Column("finding", STRING, "identifier"),
            Column("paper", STRING, "short name and arXiv number"),
            Column("statement", STRING, "what the paper says"),
            Column("quantity", STRING, "what is measured here for it"),
            Column("published", STRING, "the published figure or direction"),
            Column("certainty", STRING, "how sure the published figure is",
                   values=("abstract", "authors' blog", "second hand")),
            *_estimate("ours", "what this run measured, interval over prompts", None, None),
            Column("n", INT, "outputs or rounds; null if not measured", low=0, nullable=True),
            Column("n_prompts", INT, "their prompts; null if not measured", low=0, nullable=True),
            Column("verdict", STRING, "by a rule fixed beforehand, see poq/findings/base.py",
                   values=("agrees", "differs", "not measured")),
            Column("why", STRING, "what the verdict rests on"),
            Column("rule", STRING, "rule of the workflow that makes the numbers"),
            Column("figure", STRING, "figure that shows them"),
        ],
    ),
]  # fmt: skip

TABLES = {table.name: table for table in _TABLES}


def data_dictionary() -> str:
    """Return the Markdown that documents every table; ``docs/data-dictionary.md`` holds it."""
    parts = [
        "# Data dictionary",
        "Generated from `poq/schema.py` by `make docs`; do not edit. Tables lie under "
        "`results/<run>/`. Key columns are bold; a range is closed; null occurs only where it is "
        "said.",
    ]
    for table in TABLES.values():
        parts.append(f"## {table.name}\n`{table.path}`: {table.description}.")
        header = ["| column | type | unit | range | null | meaning |", "|---|---|---|---|---|---|"]
        columns = [*table.columns, *([table.further] if table.further else [])]
        parts.append("\n".join(header + [_row(column, table.key) for column in columns]))
    return "\n\n".join(parts) + "\n"


def _row(column: Column, key: list[str]) -> str:
    name = f"**{column.name}**" if column.name in key else column.name
    null = "yes" if column.nullable else ""
    cells = [name, str(column.dtype), column.unit, column.range_text(), null, column.description]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
