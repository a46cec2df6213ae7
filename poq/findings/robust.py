"""What the paper on robust PoQ found (arXiv 2601.21189).

Its figures are not at hand, only what it found in words, and those second hand: so these are
directions. That the published trust update saturates follows from its equation 21; when it does is
a prediction of that formula, measured against the simulation.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from poq.findings.base import (
    Above,
    Below,
    Certainty,
    Evidence,
    Finding,
    Measured,
    NotMeasured,
    Within,
)
from poq.metrics.bootstrap import Estimate
from poq.simulation.settings import ATTACKS

PAPER = "robust PoQ, arXiv 2601.21189"
TABLES = ("contrasts",)
RULES = {
    "median": "median",
    "trimmed_mean": "trimmed-mean",
    "trust_weighted_mean": "trust-weighted",
}
"""The paper's robust rules, and what they are called in the names of findings."""


def contrast(evidence: Evidence, *, name: str, **keys: str) -> Measured:
    """Return one row of table ``contrasts``, by the contrast's name and other keys.

    Raises:
        NotMeasured: the run has no such contrast.
    """
    rows = evidence.tables["contrasts"].filter(contrast=name, **keys)
    if rows.is_empty():
        raise NotMeasured(f"no contrast {name} {' '.join(keys.values())}".rstrip() + " in this run")
    (found,) = rows.iter_rows(named=True)
    ends = (found[key] for key in ("value", "value_low", "value_high"))
    against = f" against {found['against']}" if found["against"] else ""
    whose = (
        f"{found['consensus']}{against}, K = {found['k']}, {100 * found['malicious_ratio']:.0f} % "
        f"malicious of {found['nodes']} nodes, {found['effective_evaluators']:.1f} of them "
        "independent in effect"
    )
    estimate = Estimate(*(np.nan if end is None else end for end in ends))
    return Measured(estimate, found["n"], found["n_prompts"], whose)


_SECOND_HAND: Certainty = "second hand"


def _robust(rule: str, attack: str) -> Finding:
    return Finding(
        id=f"robust/{attack}-{RULES[rule]}",
        statement="Median, trimmed mean and trust-weighted mean stay closer to the reference "
        "quality than the mean when some evaluators attack.",
        quantity=f"mean absolute error of the mean less that of {rule}, in points, under {attack}",
        claim=Above(0, "above 0"),
        certainty=_SECOND_HAND,
        measure=partial(contrast, name="mae_saved", consensus=rule, attack=attack),
        rule="contrast_attacks",
        figure="alignment_curves",
    )


FINDINGS = (
    *(_robust(rule, attack) for attack in ATTACKS for rule in RULES),
    Finding(
        id="robust/reward-by-k",
        statement="Evaluators earn less when more of them are asked in a round.",
        quantity="mean reward of an evaluator node at the largest K less that at the smallest, in "
        "an honest network",
        claim=Below(0, "below 0"),
        certainty=_SECOND_HAND,
        measure=partial(contrast, name="reward_by_k"),
        rule="contrast_attacks",
        figure="k_tradeoff",
    ),
    Finding(
        id="robust/saturation",
        statement="By its formula, trust under the published update reaches the cap after "
        "ln(w_max / w_0) / ln(1 + lambda * (0.5 - d)) updates of a node.",
        quantity="rounds until half of the nodes of an honest network stand at the cap, over the "
        "rounds that the formula predicts",
        claim=Within(1, 0.1),
        certainty=_SECOND_HAND,
        measure=partial(contrast, name="saturation"),
        rule="contrast_attacks",
        figure="trust_trajectories",
    ),
)
