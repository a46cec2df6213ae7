"""Which files of a model's repository or folder are taken: one set of weights, and what it needs.

Many repositories hold the same weights several times: as GGUF in many quantisations, for other
programs (``consolidated.safetensors``, ``original/``), in another precision, or as a pickle. One of
them is enough, and a wrong one must not be picked silently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from poq.errors import PoqError
from poq.models.safe import pickles, safe, safe_name

SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
"""A part of weights as transformers writes them; ``model.safetensors`` holds them in one file."""
SPLIT_GGUF = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


def chosen(sizes: Mapping[str, int], files: Sequence[str], *, keep_gguf: bool) -> list[str]:
    """Return the names of the files to take, sorted.

    Configuration and tokenizer files are all taken. Of weights, those that ``files`` names; without
    it safetensors, or the only GGUF file where there are none or it is to be kept. Of safetensors,
    files under other names than those that transformers loads are left out where the repository has
    those, and so are files under ``original/``.

    >>> sizes = {"config.json": 9, "a.Q4_K_M.gguf": 400, "a.Q8_0.gguf": 800}
    >>> chosen(sizes, ["*Q4_K_M.gguf"], keep_gguf=False)
    ['a.Q4_K_M.gguf', 'config.json']

    Args:
        sizes: all files, name -> bytes; names have "/" between folders.
        files: names or patterns (``*``, ``?``, ``[]``; ``*`` matches "/" too) of weights.
        keep_gguf: GGUF is wanted as it is, and safetensors are not.

    Raises:
        PoqError: an entry of ``files`` matches nothing; there are no weights that are safe to load,
            or GGUF in several files, of which none was chosen; a name leads out of the folder.
    """
    for name in filter(safe, sizes):
        try:
            safe_name(name)
        except ValueError as error:
            raise PoqError(f"file {name!r}: {error}") from None
    taken = sorted(filter(safe, sizes))
    weights = [name for name in taken if name.endswith((".safetensors", ".gguf"))]
    packed = [name for name in weights if name.endswith(".gguf")]
    picked = _picked(weights, files, sizes) if files else weights
    tensors = [name for name in picked if name.endswith(".safetensors")]
    if keep_gguf or not tensors:
        picked = [name for name in picked if name.endswith(".gguf")]
        _check_gguf(picked, packed, sizes, keep_gguf=keep_gguf)
    else:
        picked = tensors if files else _loaded(tensors)
    original = not any(name.startswith("original/") for name in picked)
    return [
        name
        for name in taken
        if name in picked
        or (name not in weights and not (original and name.startswith("original/")))
    ]


def place(name: str) -> str:
    """Return where a file lies in the model folder: GGUF at its top, all else where it was."""
    return name.rpartition("/")[2] if name.endswith(".gguf") else name


def _picked(weights: list[str], files: Sequence[str], sizes: Mapping[str, int]) -> list[str]:
    for pattern in files:
        if not any(fnmatchcase(name, pattern) for name in weights):
            raise PoqError(f"files: {pattern!r} matches none of {_listed(weights, sizes)}")
    return [name for name in weights if any(fnmatchcase(name, pattern) for pattern in files)]


def _check_gguf(
    picked: list[str], packed: list[str], sizes: Mapping[str, int], *, keep_gguf: bool
) -> None:
    """Check that one GGUF file was picked, in one part."""
    unsafe = pickles(sizes)
    if not picked:
        raise PoqError(
            f"found {'' if keep_gguf else 'no safetensors and '}0 GGUF files"
            + ("; expected one" if keep_gguf else "")
            + (f"; found pickles ({', '.join(unsafe)}), which are never loaded" if unsafe else "")
        )
    if len(picked) > 1 and not all(SPLIT_GGUF.search(name) for name in picked):
        raise PoqError(
            f"found {len(picked)} GGUF files; expected one: name it under `files`, e.g. "
            f"files: [{picked[0]}]. Found {_listed(packed, sizes)}"
        )
    if SPLIT_GGUF.search(picked[0]):
        whole = [name for name in packed if not SPLIT_GGUF.search(name)]
        raise PoqError(
            f"found GGUF weights in {len(picked)} parts, {picked[0]} first; expected one file: "
            "join them (`llama-gguf-split --merge`) into a local folder"
            + (f", or name one of {_listed(whole, sizes)} under `files`" if whole else "")
        )


def _loaded(tensors: list[str]) -> list[str]:
    """Return the safetensors that transformers and sentence-transformers load, of several copies.

    All of them where none has a name that these would look for at the top.
    """
    top = [name for name in tensors if name == "model.safetensors" or SHARD.fullmatch(name)]
    if not top:
        return tensors
    if "model.safetensors" in top:
        top = ["model.safetensors"]
    below = [
        name
        for name in tensors
        if "/" in name
        and not name.startswith("original/")
        and (name.endswith("/model.safetensors") or SHARD.fullmatch(name.rpartition("/")[2]))
    ]
    return [*top, *below]


def _listed(names: Sequence[str], sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({sizes[name] / 1e9:.2f} GB)" for name in names) or "no weights"
