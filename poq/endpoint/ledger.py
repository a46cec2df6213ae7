"""What was spent at an endpoint, kept on disk so that no kill and no second job can hide it.

A request is reserved before it is sent, with the most that it can take, and settled when it is
answered. Whoever dies in between leaves the reservation: the ledger may say too much, never too
little. SQLite keeps concurrent jobs apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from poq.endpoint.settings import BudgetSettings
from poq.errors import PoqError


class Spending(NamedTuple):
    """Requests and tokens, of one request or of many."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: Spending) -> Spending:
        """Return the sum."""
        return Spending(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Spending) -> Spending:
        """Return the difference."""
        return Spending(*(a - b for a, b in zip(self, other, strict=True)))

    def money(self, budget: BudgetSettings) -> float | None:
        """Return the price; None without prices."""
        if budget.input_price is None or budget.output_price is None:
            return None
        paid = self.input_tokens * budget.input_price + self.output_tokens * budget.output_price
        return paid / 1e6

    def text(self, budget: BudgetSettings) -> str:
        """Return the spending in words."""
        words = (
            f"{self.requests} requests, {self.input_tokens} input tokens, "
            f"{self.output_tokens} output tokens"
        )
        money = self.money(budget)
        return words if money is None else f"{words}, {money:.4f} money"


class OverBudget(Exception):  # noqa: N818
    """A request might break a limit; the message says which, and what is spent."""


class Ledger:
    """The spending at one endpoint and model.

    Args:
        path: the SQLite file; its folder is made.
        budget: limits and prices.

    Raises:
        PoqError: the file is damaged, or cannot be written; so do all methods.
    """

    def __init__(self, path: Path, budget: BudgetSettings) -> None:
        self.path = path
        self.budget = budget
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as database:
            database.execute("CREATE TABLE IF NOT EXISTS spent (n INT, i INT, o INT)")
            if database.execute("SELECT count(*) FROM spent").fetchone() == (0,):
                database.execute("INSERT INTO spent VALUES (0, 0, 0)")

    def spent(self) -> Spending:
        """Return what is spent or reserved."""
        with self._transaction() as database:
            return _read(database)

    def reserve(self, most: Spending) -> None:
        """Count a request before it is sent, with the most that it can take.

        Raises:
            OverBudget: a limit would be broken; nothing is counted.
        """
        with self._transaction() as database:
            before = _read(database)
            after = before.plus(most)
            if broken := _broken(after, self.budget):
                raise OverBudget(
                    f"the next request might break the budget of {broken}; "
                    f"spent are {before.text(self.budget)}"
                )
            _write(database, after)

    def settle(self, most: Spending, real: Spending) -> None:
        """Replace what was reserved by what the request took."""
        with self._transaction() as database:
            _write(database, _read(database).minus(most).plus(real))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file alone; undo everything if the block fails."""
        try:
            with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise PoqError(f"{self.path}: cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise PoqError(
                f"{self.path}: is damaged: {error}. Delete it to count what is spent from zero"
            ) from error


def _read(database: sqlite3.Connection) -> Spending:
    return Spending(*database.execute("SELECT n, i, o FROM spent").fetchone())


def _write(database: sqlite3.Connection, spending: Spending) -> None:
    database.execute("UPDATE spent SET n = ?, i = ?, o = ?", spending)


def _broken(spending: Spending, budget: BudgetSettings) -> str | None:
    """Return the limit that a spending breaks, in words."""
    amounts = {**spending._asdict(), "money": spending.money(budget)}
    for name, amount in amounts.items():
        limit = getattr(budget, name)
        if limit is not None and amount is not None and amount > limit:
            return f"{limit:g} {name.replace('_', ' ')}"
    return None
