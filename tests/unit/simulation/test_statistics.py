import numpy as np
import pytest

from poq.simulation.statistics import summarize


def test_interval_of_student() -> None:
    # mean 2, standard deviation 1, n = 3; t(0.975, 2) = 4.302653: 2 -+ 4.302653 / sqrt(3)
    row = summarize([({"k": 5}, {"mae": np.array([1.0, 2.0, 3.0])})], 0.95).row(0, named=True)
    half = 4.302653 / np.sqrt(3)
    assert row == {
        "k": 5,
        "metric": "mae",
        "n": 3,
        "value": 2,
        "low": pytest.approx(2 - half),
        "high": pytest.approx(2 + half),
    }


def test_undefined_replications_do_not_count() -> None:
    values = {"one": np.array([np.nan, 4.0]), "none": np.array([np.nan, np.nan])}
    rows = summarize([({}, values)], 0.95).rows()
    assert rows == [("one", 1, 4.0, None, None), ("none", 0, None, None, None)]
