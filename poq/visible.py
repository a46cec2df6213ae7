"""Makes visible what cannot be seen in a text: control characters, bidi marks, zero widths.

What models, logs and endpoints say is written by nobody one knows. On a terminal a control
character moves the cursor or renames the window; a right-to-left override turns a line around.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str, keep: str = "") -> str:
    r"""Return a text in which every character that is not printable is an escape, as ``\u202e``.

    Printable is what Python's ``str.isprintable`` takes for it: letters of all scripts, but no
    control or format character, no surrogate and no white space except the space.

    Args:
        text: any text, lone surrogates included.
        keep: characters that stay as they are, such as a line break.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else escaped(c) for c in text)


def escaped(character: str) -> str:
    r"""Return a character as JSON escapes, one (``\u0007``) or, beyond U+FFFF, two."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def storable(text: str) -> str:
    """Return a text with U+FFFD for each lone surrogate, which JSON may hold and UTF-8 may not."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
