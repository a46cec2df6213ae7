"""The Hugging Face hub: whether what a run needs can be had, and which commit a name stands for.

What is downloaded lies in the hub's own cache (``HF_HOME``), which other tools fill and read too.
Offline (``HF_HUB_OFFLINE=1``) everything comes from there: a branch or tag stands for the commit
that it stood for when it was last looked up.

Tokens are read by ``huggingface_hub`` from ``HF_TOKEN`` or its own store; they appear nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.errors import PoqError

RepositoryKind = Literal["model", "dataset"]
Revision = Field(description="Full commit hash; a branch or tag works, with a warning.")
TIMEOUT = 10.0
"""Seconds after which the hub counts as unreachable."""


def is_pinned(revision: str) -> bool:
    """Tell whether a revision is a full commit hash, which alone cannot move."""
    return re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def offline() -> bool:
    """Return whether the hub is not to be asked (``HF_HUB_OFFLINE``)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def resolve(repository: str, revision: str, kind: RepositoryKind) -> str:
    """Return the commit hash that a revision stands for; a commit hash needs no network.

    Of a branch or tag the hub's cache keeps the commit, and gives it offline.

    Raises:
        PoqError: the hub is not to be asked, and its cache does not know the revision.
        OSError, httpx2.HTTPError: the hub cannot be reached, or has no such repository or revision.
    """
    if is_pinned(revision):
        return revision
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionResolutionError

    try:
        found = HfApi().resolve_revision(
            repository, repo_type=kind, revision=revision, local_files_only=offline()
        )
    except RevisionResolutionError as error:
        if offline():
            raise PoqError(_not_cached(repository, revision, kind)) from None
        raise OSError(str(error)) from error
    return found.resolved


def listing(repository: str, commit: str, kind: RepositoryKind) -> dict[str, int]:
    """Return the files of a repository at a commit, name -> bytes; offline, as its cache knows.

    Raises:
        PoqError: the hub is not to be asked, and its cache has nothing of the commit.
        OSError, httpx2.HTTPError: the hub cannot be reached, or has no such repository or commit.
    """
    from huggingface_hub import HfApi, RepoFile, get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    if not offline():
        tree = HfApi().list_repo_tree(repository, recursive=True, revision=commit, repo_type=kind)
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
    try:
        cached = get_cached_repo_tree(repository, revision=commit, repo_type=kind)
        return {entry.path: entry.size for entry in cached}
    except CachedRepoTreeNotFoundError:
        # Filled file by file, as transformers does; what is there is all that is known.
        folder = snapshot(repository, commit, kind, ())
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def snapshot(
    repository: str, revision: str, kind: RepositoryKind, names: Sequence[str] = ()
) -> Path:
    """Return the folder of the hub's cache that holds files of a repository, by its commit's name.

    What is missing of them is downloaded; a download that was cut goes on.

    Args:
        repository: its name.
        revision: commit, branch or tag.
        kind: model or dataset.
        names: files that must be in the folder, whatever else may be.

    Raises:
        PoqError: the hub is not to be asked, and its cache lacks the commit or one of the files.
        OSError, httpx2.HTTPError, ValueError: the hub cannot be reached, or has no such file.
    """
    from glob import escape

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            repository,
            repo_type=kind,
            revision=resolve(repository, revision, kind),
            allow_patterns=[escape(name) for name in names],
            local_files_only=offline(),
        )
    except LocalEntryNotFoundError as error:
        if not offline():
            raise
        partly = isinstance(error, IncompleteSnapshotError)
        raise PoqError(_not_cached(repository, revision, kind, partly=partly)) from None
    return Path(found)


def _not_cached(
    repository: str, revision: str, kind: RepositoryKind, *, partly: bool = False
) -> str:
    from huggingface_hub import constants

    option = " --repo-type dataset" if kind == "dataset" else ""
    return (
        f"{repository}@{revision}: found {'a part of it' if partly else 'nothing of it'} in the "
        f"hub's cache {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE=1 forbids to download; expected "
        f"it there (`hf download{option} {repository} --revision {revision}`, with a connection, "
        "fills the cache)"
    )


def access_problem(repository: str, revision: str, kind: RepositoryKind) -> str | None:
    """Return why a repository cannot be downloaded, and what to do; None if it can.

    A model is asked for a file, since the hub describes a gated repository to anyone but hands out
    its files only to those who accepted its licence. Offline, the hub's cache must have the commit.

    Raises:
        PoqError: the hub itself cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, get_token, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if offline():
        try:
            snapshot(repository, revision, kind)
        except PoqError as error:
            return str(error)
        return None
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{repository}"
    api = HfApi()
    try:
        if kind == "dataset":
            api.dataset_info(repository, revision=revision, timeout=TIMEOUT)
        else:
            info = api.model_info(repository, revision=revision, timeout=TIMEOUT)
            names = [sibling.rfilename for sibling in info.siblings or ()]
            # A card is open to anyone.
            names = [name for name in names if not name.endswith((".md", ".gitattributes"))]
            for name in [n for n in names if n == "config.json"] or names[:1]:
                url = hf_hub_url(repository, name, revision=revision)
                api.get_hf_file_metadata(url=url, timeout=TIMEOUT)
    except GatedRepoError:
        found = "a token without access" if get_token() else "no token"
        return (
            f"{repository} is gated; found {found}, expected one in HF_TOKEN (or `hf auth login`) "
            f"of an account that accepted the licence at {page}"
        )
    except RevisionNotFoundError:
        return f"{repository} has no revision {revision!r}; see {page}/commits/main"
    except RepositoryNotFoundError:
        return f"{repository} is not on the hub, or is private; see {page}"
    except EntryNotFoundError as error:
        return f"{repository}@{revision}: lists a file that it does not have: {error}"
    except (HTTPError, OSError) as error:
        raise unreachable(repository, error) from error
    return None


def unreachable(repository: str, error: Exception) -> PoqError:
    """Return the error of a hub that gives no answer, with the ways around it."""
    return PoqError(
        f"{repository}: the Hugging Face hub cannot be reached ({type(error).__name__}: "
        f"{error}); expected a connection, a local folder in its place "
        "(see docs/configuration.md), or HF_HUB_OFFLINE=1 if the hub's cache on this machine has it"
    )
