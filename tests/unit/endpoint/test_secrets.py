from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from poq.endpoint.secrets import hide

SECRET = 'sk-\u00e9/+7f3a9=b 2"c\\~~~???'  # noqa: S105


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer ", "Authorization: Bearer "])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_no_run_of_base64_is_left(before: str, encode: object) -> None:
    assert callable(encode)
    text = encode(f"{before}{SECRET} and more".encode()).decode()
    hidden = hide(f"you sent {text}", SECRET)
    assert "***" in hidden
    # What is left of the encoded secret itself: at most a character at either end.
    whole = encode(SECRET.encode()).decode()
    assert whole[4:12] not in hidden
    assert len(hidden) < len(f"you sent {text}") - 4 * len(SECRET.encode()) // 3 + 8


@pytest.mark.parametrize(
    "text",
    [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), json.dumps(SECRET)],
)
def test_plain_and_escaped_forms(text: str) -> None:
    assert hide(f"<{text}>", SECRET).replace('"', "") == "<***>"


def test_without_a_secret_a_text_stays_as_it_is() -> None:
    assert hide("c2VjcmV0", None) == hide("c2VjcmV0", "") == "c2VjcmV0"


def test_a_short_secret_hides_itself_alone() -> None:
    assert hide("a none b", "none") == "a *** b"
    assert hide("bm9uZQ", "none") == "bm9uZQ"
