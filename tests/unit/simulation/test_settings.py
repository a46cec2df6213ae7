import pytest
from pydantic import ValidationError

from poq.rewards import RewardSettings
from poq.simulation.settings import GridSettings, RobustnessSettings, TrustStudySettings
from tests.unit.simulation.conftest import setting

REWARD = RewardSettings(alpha=1, beta=0.3)


def test_the_default_is_the_sweep_of_the_paper() -> None:
    settings = RobustnessSettings()
    grid = settings.grid("paper", seed=3, reward=REWARD)
    cells = {tuple(keys.values()): cell for keys, cell in grid.cells()}
    # 4 rules x 4 values of K x 4 attacks x 7 ratios; 20 replications of 5,000 rounds: 44.8 million
    assert len(cells) == 448
    assert sum(cell.rounds * cell.replications for cell in cells.values()) == 44_800_000
    cell = cells["trimmed_mean", "published", 7, "noise", 0.3]
    assert cell.consensus == setting("consensus", "trimmed_mean")
    assert (cell.malicious_ratio, cell.evaluators_per_round, cell.seed) == (0.3, 7, 3)


def test_entries_stand_beside_every_kind_under_its_own_name() -> None:
    shy = setting("attacks", "boosting", shift=1)
    loud = setting("attacks", "noise", sigma=5)
    attacks = RobustnessSettings(attacks={"shy": shy, "noise": loud}).attacks
    assert (attacks["shy"], attacks["noise"]) == (shy, loud)
    assert attacks["boosting"] == setting("attacks", "boosting")
    assert "honest" in attacks


def test_a_grid_holds_what_its_names_stand_for() -> None:
    third = setting("consensus", "trimmed_mean", trim=0.34)
    settings = RobustnessSettings(
        consensus={"third": third},
        grids={"mine": GridSettings(consensus=("third",), attacks=("lazy",), beneficiary="m")},
    )
    grid = settings.grid("mine", seed=3, reward=REWARD)
    assert grid.consensus == {"third": third}
    assert grid.beneficiary == "m"
    # modules whose code the result depends on
    assert grid.modules() == [
        "poq.attacks.lazy",
        "poq.consensus.trimmed_mean",
        "poq.trust.published",
    ]


def test_trust_is_traced_under_every_update_unless_some_are_named() -> None:
    settings = RobustnessSettings(trust_study=TrustStudySettings(rounds=70, attacks=("noise",)))
    grid = settings.trust_grid(seed=3, reward=REWARD)
    assert list(grid.trust) == list(settings.trust)
    assert (grid.rounds, grid.malicious_ratios, grid.evaluators_per_round) == (70, (0.3,), (5,))
    some = settings.model_copy(update={"trust_study": TrustStudySettings(trust=("fixed_sum",))})
    assert list(some.trust_grid(seed=3, reward=REWARD).trust) == ["fixed_sum"]


def test_one_cell_goes_by_its_names() -> None:
    cell = RobustnessSettings().cell(
        "yuma",
        "fixed_sum",
        "lazy",
        malicious_ratio=0.2,
        evaluators_per_round=3,
        seed=3,
        reward=REWARD,
    )
    assert [cell.consensus.kind, cell.trust.kind, cell.attack.kind] == ["yuma", "fixed_sum", "lazy"]


def test_a_k_that_does_not_fit_on_the_stack_is_refused() -> None:
    for settings in (GridSettings, TrustStudySettings):
        k = 1001 if settings is TrustStudySettings else (3, 1001)
        with pytest.raises(ValidationError, match="less than or equal to 1000"):
            settings(evaluators_per_round=k)
