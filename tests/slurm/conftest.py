"""One Slurm for all tests of a module."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, UnavailableError, require, running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Return a running cluster; its folder is short, since it holds a socket."""
    try:
        require()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, running(Path(folder)) as found:
        yield found
