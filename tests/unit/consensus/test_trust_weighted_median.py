from poq.consensus.trust_weighted_median import Settings, consensus

RULE = Settings(kind="trust_weighted_median")


def test_score_at_which_trust_passes_its_half() -> None:
    # cumulative weights 1, 2, 5 of 5: 2.5 is passed at the third score
    assert consensus([1.0, 5.0, 9.0], RULE, [1.0, 1.0, 3.0]) == 9
    # 1, 3.5, 4.5 of 4.5: 2.25 is passed at the second
    assert consensus([9.0, 5.0, 1.0], RULE, [1.0, 2.5, 1.0]) == 5


def test_half_at_a_score_gives_the_mean_of_it_and_the_next() -> None:
    # cumulative weights 3, 5, 6 of 6: 3 is reached at the first score: (2 + 4) / 2
    assert consensus([2.0, 4.0, 10.0], RULE, [3.0, 2.0, 1.0]) == 3


def test_equal_weights_give_the_median_despite_rounding() -> None:
    # 0.1 + 0.1 + 0.1 is 0.30000000000000004, half of six times 0.1 is 0.3
    assert consensus([1.0, 2.0, 3.0, 5.0, 6.0, 7.0], RULE, [0.1] * 6) == 4
    assert consensus([1.0, 2.0, 3.0, 5.0, 6.0, 7.0], RULE) == 4


def test_a_majority_of_trust_decides_alone() -> None:
    assert consensus([0.0, 10.0, 10.0], RULE, [2.1, 1.0, 1.0]) == 0
