"""The faults: what is done to a scratch copy, what the user sees and does, and what it costs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from drill.scratch import Ended, Job, Scratch, kill

RESUME = "`make resume`"
CONFIG = "the configuration corrected, " + RESUME
FREE = "room made, " + RESUME
WRITABLE = "write access given, " + RESUME
DELETE = "the named file deleted, " + RESUME
FOLDER = "the named folder deleted, " + RESUME


class Stage(NamedTuple):
    """One job of a stage: the rule, and a text in the job's log file that tells it from others."""

    name: str
    rule: str
    of: str = ""

    def job(self, jobs: list[Job]) -> Job:
        """Return the stage's job in a run."""
        return next(job for job in jobs if job.rule == self.rule and self.of in job.log)


class Outcome(NamedTuple):
    """What a fault did: the one line that the user sees, the command, and how the run came back."""

    sees: str
    command: str
    ended: Ended
    again: str


Fault = Callable[[Scratch, Stage, list[Job]], Outcome]


class Skipped(Exception):  # noqa: N818
    """A fault cannot be made here; the message says why."""


def kill_job(scratch: Scratch, stage: Stage, jobs: list[Job]) -> Outcome:
    """Kill -9 the stage's job while it works."""
    job, _ = _caught(scratch, stage, jobs, whole=False)
    return _resumed(scratch, job, _line(scratch.printed.read_text(), r"died with|SIGKILL|Killed"))


def kill_snakemake(scratch: Scratch, stage: Stage, jobs: list[Job]) -> Outcome:
    """Kill -9 Snakemake; its job goes on, and meets itself when the run is resumed."""
    job, _ = _caught(scratch, stage, jobs, whole=True)
    sees = _line(scratch.run(*job.outputs).text, r"^Error: Directory cannot be locked")
    outcome = _resumed(scratch, job, sees)
    scratch.wait_for_orphans()
    return outcome


def truncate_table(scratch: Scratch, reader: Stage, jobs: list[Job], table: str) -> Outcome:
    """Cut a table in half that the reader's job reads."""
    path = scratch.results / table
    return _damaged(scratch, reader, jobs, table, path.read_bytes()[: path.stat().st_size // 2])


def flip_byte(scratch: Scratch, reader: Stage, jobs: list[Job], table: str) -> Outcome:
    """Flip the bits of one byte of a table that the reader's job reads: of its first column."""
    path = scratch.results / table
    column = pq.read_metadata(path).row_group(0).column(0)
    start = column.data_page_offset
    if column.has_dictionary_page:
        start = min(start, column.dictionary_page_offset)
    place = start + column.total_compressed_size - 1  # headers of pages have no checksum
    return _damaged(scratch, reader, jobs, table, flipped(path.read_bytes(), place))


def flip_unread(scratch: Scratch, stage: Stage, jobs: list[Job], file: str) -> Outcome:
    """Flip the bits of one byte of a file that no job reads any more; `make verify` finds it."""
    path = scratch.results / file
    path.write_bytes(flipped(path.read_bytes()))
    found = scratch.verify()
    sees = _line(found.text, re.escape(file))
    command = sees.partition(" Mend: ")[2]
    mended = scratch.shell(["bash", "-c", _here(scratch, command)])
    after = scratch.verify()
    ended = Ended(max(mended.status, after.status), mended.text + after.text)
    return Outcome(sees.partition(". Mend")[0], "the one that it prints", ended, _jobs(mended, 0))


def flip_weights(scratch: Scratch, stage: Stage, jobs: list[Job], file: str) -> Outcome:
    """Flip a byte of a cached model's weights; the stage's job is the first to load them."""
    name, _, weights = file.partition("/")
    folder = own_model(scratch, name)
    path = folder / weights
    path.write_bytes(flipped(path.read_bytes()))
    job = stage.job(jobs)
    scratch.forget(job)
    sees = _told(scratch.run(*job.outputs), f"{file.partition('/')[2]}: sha256 is")
    shutil.rmtree(folder)
    return _resumed(scratch, job, sees, FOLDER, first=1)


def wrong_checksum(
    scratch: Scratch, stage: Stage, jobs: list[Job], pinned: str, reader: Stage
) -> Outcome:
    """Pin another checksum than that of a file; the model is fetched for the reader's job."""
    text = scratch.config.read_text(encoding="utf-8")
    scratch.config.write_text(text.replace(pinned, "f" * 64), encoding="utf-8")
    job = reader.job(jobs)
    scratch.forget(job)
    sees = _told(scratch.run(*job.outputs), "sha256 is")
    scratch.config.write_text(text, encoding="utf-8")
    return _resumed(scratch, job, sees, CONFIG, first=1)


def fill_disk(scratch: Scratch, stage: Stage, jobs: list[Job], model: str = "") -> Outcome:
    """Leave no room where the stage's job writes: a small tmpfs, all but full."""
    job = stage.job(jobs)
    folder = scratch.results
    if model:
        folder = own_model(scratch, model).parent
        shutil.rmtree(own_model(scratch, model))
    with _on_tmpfs(folder) as grow:
        scratch.forget(job)
        filler = folder / "filler"
        filler.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - 4096)))
        sees = _told(scratch.run(*job.outputs), "No space left on device")
        filler.unlink()
        grow()
        return _resumed(scratch, job, sees, FREE)


def read_only(scratch: Scratch, stage: Stage, jobs: list[Job]) -> Outcome:
    """Make the results read-only: a read-only mount for root, whom permissions do not stop."""
    job = stage.job(jobs)
    scratch.forget(job)
    with _read_only(scratch.results):
        sees = _told(scratch.run(*job.outputs), "cannot be written to")
    return _resumed(scratch, job, sees, WRITABLE)


def unreachable_judge(
    scratch: Scratch, stage: Stage, jobs: list[Job], judge: Callable[[bool], None]
) -> Outcome:
    """Stop the judge's server, and start it again."""
    job = stage.job(jobs)
    scratch.forget(job)
    shutil.rmtree(scratch.folder / "cache" / "requests")
    judge(False)
    try:
        sees = _told(scratch.run(*job.outputs), "the connection broke")
    finally:
        judge(True)
    return _resumed(scratch, job, sees)


def flipped(content: bytes, place: int | None = None) -> bytes:
    """Return a file's bytes with all bits of one turned, that in the middle of its first half."""
    place = len(content) // 4 if place is None else place
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def own_model(scratch: Scratch, name: str) -> Path:
    """Return the folder of a model that the scratch copy has for itself, and may spoil."""
    (folder,) = (scratch.folder / "cache" / "models").glob(f"{name}-*/")
    return folder


def _caught(scratch: Scratch, stage: Stage, jobs: list[Job], *, whole: bool) -> tuple[Job, int]:
    """Start the stage's job as if for the first time; kill it, or the whole Snakemake, half way."""
    job = stage.job(jobs)
    scratch.forget(job)
    if stage.rule == "fetch_model":
        shutil.rmtree(own_model(scratch, stage.of))
    if stage.of == "judge":
        shutil.rmtree(scratch.folder / "cache" / "requests")
    pieces = len(_pieces(scratch))
    in_pieces = stage.rule == "generate_outputs" or stage.of == "judge"
    snakemake = scratch.start(*job.outputs)
    process = scratch.wait_for(
        job, snakemake, lambda: not in_pieces or len(_pieces(scratch)) > pieces
    )
    kill(snakemake.pid if whole else process)
    snakemake.wait()
    return job, process


def _pieces(scratch: Scratch) -> list[Path]:
    kept = scratch.results / ".checkpoints", scratch.folder / "cache" / "requests"
    return [path for folder in kept for path in folder.rglob("*.json")]


def _damaged(
    scratch: Scratch, reader: Stage, jobs: list[Job], table: str, content: bytes
) -> Outcome:
    """Spoil a table, run its reader for the first time, delete what is named, run again."""
    path = scratch.results / table
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    job = reader.job(jobs)
    scratch.forget(job)
    sees = _told(scratch.run(*job.outputs), f"{table}: ")
    if f"{table}: " not in scratch.verify().text:
        sees = f"make verify does not name {table}"
    path.unlink()
    return _resumed(scratch, job, sees, DELETE, first=1)


def _resumed(
    scratch: Scratch, job: Job, sees: str, command: str = RESUME, first: int = 0
) -> Outcome:
    """Resume the run; ``first`` jobs of it had never been started before the fault."""
    ended = scratch.resume(*job.outputs)
    again = _jobs(ended, first)
    log = scratch.folder / job.log
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    if answered := re.findall(r"\d+ of (\d+), (\d+) cached", text):
        again += f"; {answered[-1][1]} of {answered[-1][0]} answers taken over"
    elif kept := re.search(r"(\d+ of \d+ \w+) taken over", text):
        again += f"; {kept[1]} taken over"
    return Outcome(sees, command, ended, again)


def _jobs(ended: Ended, first: int) -> str:
    count = len(ended.jobs) - first
    return f"{count} job" + ("" if count == 1 else "s")


def _told(ended: Ended, expected: str) -> str:
    """Return the line of a failed run that tells the reason."""
    if ended.status == 0:
        return "nothing: the run ended well"
    if "Traceback (most recent call last)" in ended.text:
        return "a traceback"
    return _line(ended.text, re.escape(expected))


def _line(text: str, pattern: str) -> str:
    lines = (line.strip() for line in text.splitlines() if re.search(pattern, line))
    return next(lines, f"no line with {pattern!r}")


def _here(scratch: Scratch, command: str) -> str:
    """Return a command that verify prints, with this drill's Snakefile and folder."""
    program = re.escape(command.partition("; ")[2].partition(" ")[0])
    whole = " ".join(scratch.command()[:3])
    options = " ".join(scratch.command()[3:9])
    return re.sub(rf"{program} (-c2 \S+) ", rf"{whole} \1 {options} ", command, count=1)


@contextmanager
def _on_tmpfs(folder: Path) -> Iterator[Callable[[], None]]:
    """Move a folder's content to a tmpfs with a little room, and back; yield what makes room."""
    if os.geteuid() != 0:
        raise Skipped("only root may mount a small disk")
    kept = folder.with_name(f"{folder.name}.kept")
    folder.rename(kept)
    folder.mkdir()
    size = sum(path.stat().st_blocks * 512 for path in kept.rglob("*") if not path.is_symlink())
    _mount("-t", "tmpfs", "-o", f"size={size + 2**21}", "tmpfs", str(folder))
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        yield lambda: _mount("-o", f"remount,size={size + 2**28}", str(folder))
        shutil.rmtree(kept)
        shutil.copytree(folder, kept, symlinks=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
        kept.rename(folder)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for place in places:
            place.chmod(0o555)
        try:
            yield
        finally:
            for place in places:
                place.chmod(0o755)
        return
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"nothing can be mounted here: {done.stderr.strip()}")
