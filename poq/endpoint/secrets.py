"""Keeps an API key out of whatever an endpoint says, in each of the forms that it may quote it."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters of an encoded form, at least: fewer would be found in any text."""


def hide(text: str, secret: str | None) -> str:
    """Return a text with ``***`` for a secret: as it is, URL-encoded, in JSON, or in base64."""
    if not secret:
        return text
    for form in _forms(secret):
        text = text.replace(form, "***")
    return text


def _forms(secret: str) -> list[str]:
    """Return the forms of a secret, longest first; in base64 at each of three places in a text."""
    encoded = {quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    for shift in range(3):
        shifted = b"\0" * shift + secret.encode()
        # Characters of base64 hold 6 bits: those that share none with what stands around.
        own = slice(-(-8 * shift // 6), 8 * len(shifted) // 6)
        encoded |= {encode(shifted).decode()[own] for encode in (b64encode, urlsafe_b64encode)}
    return sorted({secret, *(e for e in encoded if len(e) >= SHORTEST)}, key=len, reverse=True)
