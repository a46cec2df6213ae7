"""One queue of work, so many pieces at a time, which stops at the first failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import TypeVar

from poq.errors import PoqError

T = TypeVar("T")
Item = TypeVar("Item")


class Stopped(PoqError):  # noqa: N818
    """Something else failed: nothing is begun any more."""


class Failed(Exception):  # noqa: N818
    """``args`` are the first failure, a PoqError, and how many pieces were finished."""


def finished(
    work: Callable[[Item], T], items: Sequence[Item], places: int, stopped: threading.Event
) -> Generator[tuple[int, T], None, None]:
    """Yield each item's index and what ``work`` makes of it, in the order of their end.

    Args:
        work: runs in a thread.
        items: what to work on.
        places: items that are worked on at a time.
        stopped: set at the first failure, for ``work`` to end early, by :class:`Stopped`.

    Whoever stops reading before the end closes the generator, which ends the queue.

    Raises:
        Failed: ``work`` raised a PoqError; what was begun then has ended.
    """
    stopped.clear()

    def run(item: Item) -> T:
        try:
            return work(item)
        except BaseException:
            # At once: the thread may begin its next item before the failure is seen.
            stopped.set()
            raise

    with ThreadPoolExecutor(places) as pool:
        futures = {pool.submit(run, item): index for index, item in enumerate(items)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException as error:
            stopped.set()
            for future in futures:
                future.cancel()
            wait(futures)
            if not isinstance(error, PoqError):
                raise
            ended = [future.exception() for future in futures if not future.cancelled()]
            first = next((e for e in ended if e and not isinstance(e, Stopped)), error)
            raise Failed(first, ended.count(None)) from None
