"""What a simulation is told: one cell, or a grid of cells."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import Field

from poq import kinds
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
    evaluators_per_round: int = Field(
        ge=1, description="K, evaluator nodes sampled in a round without replacement."
    )


class Grid(RunSettings):
    """All combinations of the values given, the last of them varying fastest."""

    consensus: dict[str, ConsensusRule] = Field(min_length=1, description="Rules by name.")
    trust: dict[str, TrustUpdate] = Field(min_length=1, description="Trust updates by name.")
    attacks: dict[str, Attack] = Field(min_length=1, description="Attacks by name.")
    malicious_ratios: tuple[float, ...] = Field(
        min_length=1, description="Shares of malicious evaluator nodes."
    )
    evaluators_per_round: tuple[int, ...] = Field(min_length=1, description="Values of K.")

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
