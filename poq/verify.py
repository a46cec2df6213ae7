"""Checks a run's folder against its seal, its tables' contracts and its configuration.

    snakemake --summary --configfile results/demo/config.yaml | python -m poq.verify results/demo

One line tells a problem: the file, what was found, what was expected, and the command that mends
it; the last line counts. Standard input says what the present code and configuration would make
anew, in the words of ``snakemake --summary``; the exit status is 1 if there is any problem.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from poq import config, tables
from poq.errors import PoqError
from poq.models import folder as models
from poq.provenance import file_sha256
from poq.seal import NAME, read_seal, sealed_files

AGAIN = "make resume"


class Problem(NamedTuple):
    """What is wrong with a file, in words, and the command that mends it."""

    file: Path
    found: str
    command: str

    def __str__(self) -> str:
        return f"{self.file}: {self.found}. Mend: {self.command}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a run and print what is wrong with it; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="the run's folder")
    run = parser.parse_args(arguments).run
    problems = [*verify(run), *outdated(run, sys.stdin)]
    left = leftovers(run)
    lines = [str(problem) for problem in problems]
    lines += [f"{path}: left by a cut job, and of no use. Delete: rm -r {path}" for path in left]
    lines.append(
        f"{run}: {len(sealed_files(run))} files, {len(_tables(run))} tables, "
        f"{len(list(_manifests(run)))} models; {len(problems)} problems, {len(left)} leftovers"
    )
    print("\n".join(lines))  # noqa: T201
    return 1 if problems else 0


def verify(run: Path) -> Iterator[Problem]:
    """Yield what is wrong with a run's folder, one problem a file.

    Every sealed file is compared with its checksum; every other table is read, with the checksums
    of its pages and its contract; a table's seed with that of the configuration in the folder; and
    every model that this names with its manifest.

    Args:
        run: the folder, ``results/<run>``.
    """
    try:
        seal = read_seal(run)
    except PoqError as error:
        yield Problem(run / NAME, str(error), _anew(run, NAME) if (run / NAME).exists() else AGAIN)
        seal = {}
    broken = set()
    for name, sha256 in seal.items():
        file = run / name
        found = file_sha256(file) if file.is_file() else None
        if found != sha256:
            broken.add(file)
            words = "found no such file" if found is None else f"sha256 is {found}"
            yield Problem(file, f"{words}; expected {sha256}", _anew(run, name))
    seed = None
    try:
        seed = config.load_file(run / "config.yaml").seed
    except PoqError as error:
        if run / "config.yaml" not in broken:
            yield Problem(run / "config.yaml", str(error), AGAIN)
    for file in _tables(run):
        if file not in broken and (reason := _table_problem(file, seed)):
            yield Problem(file, reason, _anew(run, str(file.relative_to(run))))
    for manifest in _manifests(run):
        for reason in models.problems(manifest):
            yield Problem(manifest, reason, f"rm -r {manifest.parent}, then {AGAIN}")


def outdated(run: Path, summary: Iterable[str]) -> Iterator[Problem]:
    """Yield what the present code and configuration would make anew, one problem a reason.

    Args:
        run: the folder, ``results/<run>``.
        summary: the lines of ``snakemake --summary``: tab-separated, with a header.
    """
    rows = [row for row in csv.DictReader(summary, delimiter="\t") if row.get("plan")]
    if not rows:
        yield Problem(run / "config.yaml", "gives no snakemake --summary to compare with", AGAIN)
    stale: dict[str, list[str]] = {}
    for row in rows:
        if row["plan"] != "no update":
            stale.setdefault(row["status"], []).append(row["output_file"])
    for status, files in stale.items():
        others = f", and so are {len(files) - 1} others" if len(files) > 1 else ""
        yield Problem(Path(files[0]), f"is outdated ({status}){others}; expected no change", AGAIN)


def leftovers(run: Path) -> list[Path]:
    """Return what cut jobs left in a run's folder: partial files, folders and checkpoints."""
    return sorted([*run.rglob("*.partial"), *(run / ".checkpoints").glob("*/*")])


def _anew(run: Path, name: str) -> str:
    """Return the command that makes one file anew, and nothing that would be the same again."""
    parts = Path(name).parts
    path = run / name
    if name == "config.yaml":
        return f"rm {path}, then {AGAIN}"
    if parts[0] == "models":
        path = run.joinpath(*parts[:2], models.MANIFEST)
        return f"rm -r {path.parent}; {_snakemake(run, path)}"
    return f"rm -f {path}; {_snakemake(run, path)}"


def _snakemake(run: Path, path: Path) -> str:
    program = Path(sys.executable).with_name("snakemake")
    here = Path.cwd()
    shown = program.relative_to(here) if program.is_relative_to(here) else program
    return f"{shown} -c2 {path} --configfile {run / 'config.yaml'}"


def _tables(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*.parquet") if not path.name.startswith("."))


def _table_problem(file: Path, seed: int | None) -> str | None:
    try:
        provenance = tables.provenance(file)
        tables.read(provenance["table"], file)
    except PoqError as error:
        return str(error).removeprefix(f"{file}: ")
    found = provenance.get("seed")
    if seed is not None and found not in ("", str(seed)):
        return f"was made with seed {found}; expected {seed}"
    return None


def _manifests(run: Path) -> list[Path]:
    """Return the manifests of the fetched models that a run's configuration names, where there."""
    try:
        cfg = config.load_file(run / "config.yaml")
    except PoqError:
        return []
    named = (
        models.manifest_path(cfg.model_cache, name, source.model_dump(mode="json"))
        for name, source in cfg.models.items()
    )
    return [path for path in named if path.is_file()]


if __name__ == "__main__":
    sys.exit(main())
