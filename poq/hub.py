"""The Hugging Face hub: whether what a run needs can be had, and which commit a name stands for.

Tokens are read by ``huggingface_hub`` from ``HF_TOKEN`` or its own store; they appear nowhere here.
"""

from __future__ import annotations

import re
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


def resolve(repository: str, revision: str, kind: RepositoryKind) -> str:
    """Return the commit hash that a revision stands for now; a commit hash needs no network.

    Offline (``HF_HUB_OFFLINE``) a branch or tag stays one: only the hub's cache knows it then.

    Raises:
        OSError, httpx2.HTTPError: the hub cannot be reached, or has no such repository or revision.
    """
    if is_pinned(revision):
        return revision
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        info = HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=TIMEOUT)
    except OfflineModeIsEnabled:
        return revision
    return str(info.sha)


def access_problem(repository: str, revision: str, kind: RepositoryKind) -> str | None:
    """Return why a repository cannot be downloaded, and what to do; None if it can.

    A model is asked for its ``config.json``, since the hub describes a gated repository to anyone
    but hands out its files only to those who accepted its licence.

    Raises:
        PoqError: the hub itself cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, get_token, hf_hub_url
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{repository}"
    api = HfApi()
    try:
        if kind == "model":
            url = hf_hub_url(repository, "config.json", revision=revision)
            api.get_hf_file_metadata(url=url, timeout=TIMEOUT)
        else:
            api.repo_info(repository, repo_type=kind, revision=revision, timeout=TIMEOUT)
    except OfflineModeIsEnabled:
        return None  # the user vouches for what is in the hub's own cache
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
    except (HTTPError, OSError) as error:
        raise PoqError(
            f"{repository}: the Hugging Face hub cannot be reached ({type(error).__name__}: "
            f"{error}); expected a connection, a local folder in its place (see the README), or "
            "HF_HUB_OFFLINE=1 if the hub's cache on this machine has it"
        ) from error
    return None
