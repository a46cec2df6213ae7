"""A scratch copy of a finished run, the workflow in it, and its processes."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from poq import tables
from poq.schema import TABLES
from poq.seal import read_seal

ROOT = Path(__file__).parents[1]
PATIENCE = 600.0
"""Seconds after which what is waited for will not come."""
MEASURED = {"profile"}
"""Tables of measured seconds: made again they differ, so that their keys are compared."""


class Job(NamedTuple):
    """One job of a run: its rule, its log (relative to the scratch folder) and what it makes."""

    rule: str
    log: str
    outputs: list[str]


class Ended(NamedTuple):
    """How a command ended, and what it printed on both streams."""

    status: int
    text: str

    @property
    def jobs(self) -> list[str]:
        """The rules of the jobs that ran."""
        return re.findall(r"^(?:local)?rule (\w+):$", self.text, flags=re.MULTILINE)


class Scratch:
    """A folder with a configuration, and the results of its run.

    Args:
        folder: the folder; ``config.yaml`` in it is the configuration.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        name = yaml.safe_load(self.config.read_text(encoding="utf-8"))["run"]
        self.results = folder / "results" / name

    def copy(self, folder: Path) -> Scratch:
        """Return a copy, with all modification times."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Scratch(folder)

    def command(self, *arguments: str, cores: int = 1) -> list[str]:
        """Return a command line of Snakemake."""
        options = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder)]
        options += ["--workflow-profile", str(ROOT / "profiles" / "default")]
        options += ["--cores", str(cores), "--configfile", str(self.config)]
        return [sys.executable, "-m", "snakemake", *arguments, *options]

    def run(self, *arguments: str, cores: int = 1) -> Ended:
        """Run Snakemake to its end."""
        return self.shell(self.command(*arguments, cores=cores))

    def resume(self, *targets: str) -> Ended:
        """Do what ``make resume`` does, for some files of the run alone."""
        unlocked = self.run("--unlock")
        return unlocked if unlocked.status else self.run(*targets)

    def verify(self) -> Ended:
        """Do what ``make verify`` does."""
        summary = subprocess.run(
            self.command("--summary"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, check=False, env=environment(),
        )  # fmt: skip
        run = str(self.results.relative_to(self.folder))
        return self.shell([sys.executable, "-m", "poq.verify", run], stdin=summary.stdout)

    def shell(self, command: list[str], stdin: str = "") -> Ended:
        """Run a command in the folder."""
        done = subprocess.run(
            command, cwd=self.folder, input=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, env=environment(),
        )  # fmt: skip
        return Ended(done.returncode, done.stdout)

    def jobs(self) -> list[Job]:
        """Return the jobs of the run, by what Snakemake recorded of their files."""
        done = self.run("--summary")
        lines = done.text[done.text.index("output_file\t") :].splitlines()
        found: dict[str, Job] = {}
        for row in csv.DictReader(lines, delimiter="\t"):
            if row.get("plan") and row["log-file(s)"] != "-":
                job = Job(row["rule"], row["log-file(s)"], [])
                found.setdefault(job.log, job).outputs.append(row["output_file"])
        return list(found.values())

    def forget(self, job: Job) -> None:
        """Delete what a job made, and its log, as if it had never run."""
        for name in [*job.outputs, job.log]:
            (self.folder / name).unlink(missing_ok=True)

    def start(self, *targets: str) -> subprocess.Popen[str]:
        """Start Snakemake; what it prints goes to :attr:`printed`."""
        with self.printed.open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                self.command(*targets), stdout=file, stderr=subprocess.STDOUT, text=True,
                env=environment(), start_new_session=True,
            )  # fmt: skip

    @property
    def printed(self) -> Path:
        """Where a started Snakemake prints."""
        return self.folder / "printed.log"

    def wait_for(
        self, job: Job, snakemake: subprocess.Popen[str], under_way: Callable[[], bool]
    ) -> int:
        """Return the process of a job as soon as its log is there and it is under way.

        Raises:
            RuntimeError: the run ended before.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            process = next(iter(self.processes(rf"/scripts/[^/]*\.{job.rule}\.py$")), None)
            if process and (self.folder / job.log).exists() and under_way():
                return process
            if snakemake.poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f"{job.rule} was not caught:\n{self.printed.read_text()[-2000:]}")

    def processes(self, argument: str) -> Iterator[int]:
        """Yield the processes that work in the folder and have an argument that matches."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                arguments = (entry / "cmdline").read_text(errors="replace").split("\0")
                here = (entry / "cwd").readlink() == self.folder
            except OSError:
                continue  # it has ended, or is another's
            if here and any(re.search(argument, text) for text in arguments):
                yield int(entry.name)

    def wait_for_orphans(self) -> None:
        """Wait until no job works in the folder any more."""
        deadline = time.monotonic() + PATIENCE
        while list(self.processes("snakemake")) and time.monotonic() < deadline:
            time.sleep(0.1)

    def lost(self, base: Scratch) -> list[str]:
        """Return the files of a finished run that are not as they were in it."""
        return [name for name in read_seal(base.results) if not self._same(base, name)]

    def _same(self, base: Scratch, name: str) -> bool:
        ours, theirs = self.results / name, base.results / name
        if not ours.is_file():
            return False
        if ours.read_bytes() == theirs.read_bytes():
            return True
        if ours.suffix != ".parquet":
            return False
        table = tables.provenance(theirs)["table"]
        keys = (tables.read(table, path).select(TABLES[table].key) for path in (ours, theirs))
        return table in MEASURED and next(keys).equals(next(keys))


def kill(process: int) -> None:
    """Kill -9 a process."""
    os.kill(process, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Return the environment of a run: no model hub, and the library of this repository."""
    return os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
