"""What a simulation is told: one cell, a grid of cells, or the grids of a study by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from poq import kinds
from poq.names import Name
from poq.rewards import RewardSettings
from poq.settings import Settings

if TYPE_CHECKING:
    ConsensusRule: TypeAlias = Any
    TrustUpdate: TypeAlias = Any
    Attack: TypeAlias = Any
else:
    ConsensusRule = kinds.union("poq.consensus")
    TrustUpdate = kinds.union("poq.trust")
    Attack = kinds.union("poq.attacks")


MOST_EVALUATORS = 1000
"""Largest K: the kernel keeps what it knows of a round on the stack."""
K = Annotated[int, Field(ge=1, le=MOST_EVALUATORS)]


class RunSettings(Settings):
    """What all cells of a grid share."""

    rounds: int = Field(ge=1, description="Rounds of a replication.")
    replications: int = Field(ge=1, description="Independent replications.")
    seed: int = Field(ge=0, description="Seed; replication r draws the same rounds in every cell.")
    reward: RewardSettings
    beneficiary: str | None = Field(
        None, description="Inference node of the coalition; its rewards are the coalition's."
    )


class Cell(RunSettings):
    """One simulated network under one attack."""

    consensus: ConsensusRule = Field(description="Rule that turns K scores into one.")
    trust: TrustUpdate = Field(description="How trust changes after a round.")
    attack: Attack = Field(description="What malicious evaluator nodes do.")
    malicious_ratio: float = Field(ge=0, le=1, description="Share of malicious evaluator nodes.")
    evaluators_per_round: K = Field(
        description="K, evaluator nodes sampled in a round without replacement."
    )


class Grid(RunSettings):
    """All combinations of the values given, the last of them varying fastest."""

    consensus: dict[str, ConsensusRule] = Field(min_length=1, description="Rules by name.")
    trust: dict[str, TrustUpdate] = Field(min_length=1, description="Trust updates by name.")
    attacks: dict[str, Attack] = Field(min_length=1, description="Attacks by name.")
    malicious_ratios: tuple[float, ...] = Field(
        min_length=1, description="Shares of malicious evaluator nodes."
    )
    evaluators_per_round: tuple[K, ...] = Field(min_length=1, description="Values of K.")

    def modules(self) -> list[str]:
        """Return the modules of the kinds in it, e.g. "poq.consensus.mean"."""
        packages = {"consensus": self.consensus, "trust": self.trust, "attacks": self.attacks}
        return sorted(
            {
                f"poq.{name}.{entry.kind}"
                for name, given in packages.items()
                for entry in given.values()
            }
        )

    def cells(self) -> Iterator[tuple[dict[str, Any], Cell]]:
        """Yield each cell after the values that tell it from the others."""
        shared = {name: getattr(self, name) for name in RunSettings.model_fields}
        for (rule, consensus), (update, trust), k, (name, attack), ratio in product(
            self.consensus.items(),
            self.trust.items(),
            self.evaluators_per_round,
            self.attacks.items(),
            self.malicious_ratios,
        ):
            keys = {
                "consensus": rule,
                "trust": update,
                "k": k,
                "attack": name,
                "malicious_ratio": ratio,
            }
            yield (
                keys,
                Cell(
                    **shared,
                    consensus=consensus,
                    trust=trust,
                    attack=attack,
                    malicious_ratio=ratio,
                    evaluators_per_round=k,
                ),
            )


def _every(package: str) -> AfterValidator:
    """Return a validator that adds every kind of a package, with its defaults, to what is given."""

    def complete(given: dict[str, Any]) -> dict[str, Any]:
        defaults = {kind: kinds.settings(package, {"kind": kind}) for kind in kinds.names(package)}
        return defaults | given

    return AfterValidator(complete)


ATTACKS = ("noise", "boosting", "sabotage", "intermittent")
"""The attacks of robust PoQ."""
Ratio = Annotated[float, Field(ge=0, le=1)]


class GridSettings(Settings):
    """A grid by the names of its rules, trust updates and attacks; its default is the paper's."""

    consensus: tuple[str, ...] = Field(
        ("mean", "median", "trimmed_mean", "trust_weighted_mean"),
        min_length=1,
        description="Names of consensus rules.",
    )
    trust: tuple[str, ...] = Field(
        ("published",), min_length=1, description="Names of trust updates."
    )
    attacks: tuple[str, ...] = Field(ATTACKS, min_length=1, description="Names of attacks.")
    malicious_ratios: tuple[Ratio, ...] = Field(
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
        min_length=1,
        description="Shares of malicious evaluator nodes.",
    )
    evaluators_per_round: tuple[K, ...] = Field(
        (3, 5, 7, 9), min_length=1, description="Values of K."
    )
    beneficiary: str | None = Field(
        None,
        description="Inference node of the attackers, whose rewards count in their profit and "
        "which a collusion boosts; none if left out.",
    )


class TrustStudySettings(Settings):
    """Where trust is traced over the rounds."""

    consensus: str = Field("trust_weighted_mean", description="Name of a consensus rule.")
    trust: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of trust updates; all if left out."
    )
    attacks: tuple[str, ...] = Field(ATTACKS, min_length=1, description="Names of attacks.")
    malicious_ratio: Ratio = Field(0.3, description="Share of malicious evaluator nodes.")
    evaluators_per_round: K = Field(5, description="K, evaluator nodes sampled in a round.")
    rounds: int = Field(5000, ge=1, description="Rounds of a replication.")


class Defences(Settings):
    """Names of the consensus rules that the drop-in study compares."""

    none: str = Field("mean", description="Neither robust nor weighted by trust.")
    rule: str = Field("median", description="A robust rule that ignores trust.")
    trust: str = Field("trust_weighted_mean", description="A rule that only weighs by trust.")
    both: str = Field("trust_weighted_median", description="A robust rule that weighs by trust.")


class DropInSettings(Settings):
    """A composite in the place of evaluators: what it adds under attack, and what defences add."""

    signals: Literal["all", "live"] = Field(
        "live",
        description="Dimensions of the composite, and evaluators beside it: all, or those without "
        "a reference.",
    )
    scope: Literal["task", "pooled"] = Field(
        "task",
        description="Weights of the composite: fitted for each task, or for all; `pooled` where "
        "nothing is fitted.",
    )
    variant: str = Field(
        "reliable",
        description="The composite, a variant of table `weights`: a weighting, or, for which "
        "nothing is fitted, `default` or `without-<dimension>`.",
    )
    consensus: Defences = Field(Defences(), description="Names of consensus rules.")
    trust: str = Field("fixed_sum", description="Name of the adaptive trust update.")
    attacks: tuple[str, ...] = Field(
        ("honest", *ATTACKS), min_length=1, description="Names of attacks."
    )
    malicious_ratio: Ratio = Field(0.3, description="Share of malicious evaluator nodes.")
    evaluators_per_round: K = Field(5, description="K, evaluator nodes sampled in a round.")


class RobustnessSettings(Settings):
    """Robust PoQ: consensus rules and trust updates under attack, over the logged scores."""

    evaluator_nodes: int = Field(
        20, ge=1, description="Evaluator nodes, dealt to the evaluators of the pool in turn."
    )
    noise: float = Field(
        0.0, ge=0, description="Standard deviation of each node's own error, in points."
    )
    rounds: int = Field(5000, ge=1, description="Rounds of a replication.")
    replications: int = Field(20, ge=1, description="Independent replications of a cell.")
    resamples: int = Field(
        100,
        ge=1,
        description="Resamples of prompts, each played once, behind the intervals of "
        "recommendations and of the drop-in study.",
    )
    contrast_resamples: int = Field(
        400, ge=1, description="The same behind the intervals of contrasts, and so of findings."
    )
    threads: int = Field(2, ge=1, description="CPU threads of one study; not part of the result.")
    consensus: Annotated[dict[Name, ConsensusRule], _every("poq.consensus")] = Field(
        {},
        validate_default=True,
        description="Consensus rules by name, besides every kind under its own name with its "
        "defaults.",
    )
    trust: Annotated[dict[Name, TrustUpdate], _every("poq.trust")] = Field(
        {}, validate_default=True, description="Trust updates by name, likewise."
    )
    attacks: Annotated[dict[Name, Attack], _every("poq.attacks")] = Field(
        {}, validate_default=True, description="Attacks by name, likewise."
    )
    grids: dict[Name, GridSettings] = Field(
        {"paper": GridSettings()},
        min_length=1,
        description="Grids by name, a job each; left out keys are those of the paper's sweep.",
    )
    trust_study: TrustStudySettings = TrustStudySettings()
    drop_in: DropInSettings = DropInSettings()

    def grid(self, name: str, *, seed: int, reward: RewardSettings) -> Grid:
        """Return a named grid with the settings that its names stand for."""
        return self._resolved(self.grids[name], self.rounds, seed, reward)

    def cell(
        self,
        consensus: str,
        trust: str,
        attack: str,
        *,
        malicious_ratio: float,
        evaluators_per_round: int,
        seed: int,
        reward: RewardSettings,
    ) -> Cell:
        """Return one cell by the names of its rule, trust update and attack."""
        named = GridSettings(
            consensus=(consensus,),
            trust=(trust,),
            attacks=(attack,),
            malicious_ratios=(malicious_ratio,),
            evaluators_per_round=(evaluators_per_round,),
        )
        ((_, cell),) = self._resolved(named, self.rounds, seed, reward).cells()
        return cell

    def trust_grid(self, *, seed: int, reward: RewardSettings) -> Grid:
        """Return the grid of the trust study."""
        return self._resolved(self._named()["trust_study"], self.trust_study.rounds, seed, reward)

    def contrast_grid(self, *, seed: int, reward: RewardSettings) -> Grid:
        """Return what the findings rest on: the paper's rules and attacks, all grids' values of K.

        The share of malicious nodes is the middle of the paper's sweep.
        """
        ks = {k for grid in self.grids.values() for k in grid.evaluators_per_round}
        paper = GridSettings(malicious_ratios=(0.3,), evaluators_per_round=tuple(sorted(ks)))
        return self._resolved(paper, self.rounds, seed, reward)

    def drop_in_grid(self, *, seed: int, reward: RewardSettings) -> Grid:
        """Return the grid of the drop-in study; every defence is one of its rules."""
        return self._resolved(self._named()["drop_in"], self.rounds, seed, reward)

    def problems(self) -> Iterator[tuple[str, Any, str]]:
        """Yield what is wrong with names and sizes: key, what was found, what was expected."""
        libraries = {"consensus": self.consensus, "trust": self.trust, "attacks": self.attacks}
        for name, grid in self.grids.items():
            if max(grid.malicious_ratios) == 0:
                yield f"grids.{name}.malicious_ratios", [*grid.malicious_ratios], "one above 0"
        for where, named in self._named().items():
            for field, values in named:
                key = f"{where}.{field}"
                for value in values if field in libraries else ():
                    if value not in libraries[field]:
                        yield key, value, f"one of {', '.join(libraries[field])}"
                if isinstance(values, tuple) and len(set(values)) < len(values):
                    yield key, list(values), "no value twice"
            if (k := max(named.evaluators_per_round)) > self.evaluator_nodes:
                expected = f"at most evaluator_nodes, {self.evaluator_nodes}"
                yield f"{where}.evaluators_per_round", k, expected

    def _named(self) -> dict[str, GridSettings]:
        """Return all grids by their key in the configuration."""
        study = self.trust_study
        traced = GridSettings(
            consensus=(study.consensus,),
            trust=tuple(self.trust) if study.trust is None else study.trust,
            attacks=study.attacks,
            malicious_ratios=(study.malicious_ratio,),
            evaluators_per_round=(study.evaluators_per_round,),
        )
        dropped = self.drop_in
        defended = GridSettings(
            consensus=tuple(dict.fromkeys(dropped.consensus.model_dump().values())),
            trust=(dropped.trust,),
            attacks=dropped.attacks,
            malicious_ratios=(dropped.malicious_ratio,),
            evaluators_per_round=(dropped.evaluators_per_round,),
        )
        return {f"grids.{name}": grid for name, grid in self.grids.items()} | {
            "trust_study": traced,
            "drop_in": defended,
        }

    def _resolved(
        self, named: GridSettings, rounds: int, seed: int, reward: RewardSettings
    ) -> Grid:
        return Grid(
            rounds=rounds,
            replications=self.replications,
            seed=seed,
            reward=reward,
            beneficiary=named.beneficiary,
            consensus={name: self.consensus[name] for name in named.consensus},
            trust={name: self.trust[name] for name in named.trust},
            attacks={name: self.attacks[name] for name in named.attacks},
            malicious_ratios=named.malicious_ratios,
            evaluators_per_round=named.evaluators_per_round,
        )
