from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from poq.endpoint.ledger import Ledger, OverBudget, Spending
from poq.endpoint.settings import BudgetSettings
from poq.errors import PoqError

PRICED = BudgetSettings(money=0.01, input_price=2.0, output_price=8.0)


def test_money_is_tokens_times_price_a_million() -> None:
    # 1000 * 2 / 1e6 + 500 * 8 / 1e6 = 0.002 + 0.004
    assert Spending(1, 1000, 500).money(PRICED) == pytest.approx(0.006)
    assert Spending(1, 1000, 500).money(BudgetSettings()) is None


def test_settling_replaces_what_was_reserved(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite", BudgetSettings())
    ledger.reserve(Spending(1, 900, 24))
    ledger.reserve(Spending(1, 100, 24))
    assert ledger.spent() == (2, 1000, 48)
    ledger.settle(Spending(1, 900, 24), Spending(1, 210, 8))
    ledger.settle(Spending(1, 100, 24), Spending())
    assert ledger.spent() == (1, 210, 8)


def test_a_request_that_was_never_settled_still_counts(tmp_path: Path) -> None:
    Ledger(tmp_path / "l.sqlite", BudgetSettings()).reserve(Spending(1, 900, 24))
    assert Ledger(tmp_path / "l.sqlite", BudgetSettings()).spent() == (1, 900, 24)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (BudgetSettings(requests=2), "2 requests"),
        (BudgetSettings(input_tokens=2000), "2000 input tokens"),
        (BudgetSettings(output_tokens=1000), "1000 output tokens"),
        # two cost 2 * (1000 * 2 + 500 * 8) / 1e6 = 0.012; one 0.006
        (BudgetSettings(money=0.012, input_price=2, output_price=8), "0.012 money"),
    ],
)
def test_a_limit_may_be_reached_and_not_passed(
    budget: BudgetSettings, limit: str, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "l.sqlite", budget)
    ledger.reserve(Spending(1, 1000, 500))
    ledger.reserve(Spending(1, 1000, 500))
    with pytest.raises(OverBudget, match=f"budget of {limit}; spent are 2 requests, 2000 input"):
        ledger.reserve(Spending(1, 1, 1))
    assert ledger.spent() == (2, 2000, 1000)


def test_concurrent_reservations_are_all_counted(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "l.sqlite", BudgetSettings(requests=60)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: ledgers[i % 4].reserve(Spending(1, 2, 3)), range(60)))
    assert ledgers[0].spent() == (60, 120, 180)
    with pytest.raises(OverBudget):
        ledgers[1].reserve(Spending(1))


def test_a_limit_of_money_needs_prices() -> None:
    with pytest.raises(ValidationError, match="input_price and output_price"):
        BudgetSettings(money=1.0, input_price=2.0)


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_bytes(b"no database, but as long as the header of one" * 10)
    with pytest.raises(PoqError, match=rf"^{path}: is damaged: file is not a database"):
        Ledger(path, BudgetSettings())
