from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq.visible import storable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "plain, caf\u00e9, \u05d0\u05d1, \U0001f600",
            "plain, caf\u00e9, \u05d0\u05d1, \U0001f600",
        ),
        ("bell\a nul\0 \x1b[2J", "bell\\u0007 nul\\u0000 \\u001b[2J"),
        ("ab\u202ecd\u2066", "ab\\u202ecd\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("two\nlines\u2028three\x85", "two\\u000alines\\u2028three\\u0085"),
        ("tag\U000e0041", "tag\\udb40\\udc41"),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_what_cannot_be_seen_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_what_is_to_be_kept_is_kept() -> None:
    assert visible("a\n\tb\r", "\n\t") == "a\n\tb\\u000d"


@given(st.text(st.characters(exclude_categories=[])))
def test_all_that_is_left_can_be_printed_and_stored(text: str) -> None:
    assert visible(text).isprintable()
    stored = storable(text)
    assert len(stored) == len(text)
    stored.encode()
    assert [b for a, b in zip(text, stored, strict=True) if a == b or b == "\ufffd"] == [*stored]


def test_escapes_are_those_of_json() -> None:
    text = "\a\u202e\U000e0041"
    assert json.loads(f'"{visible(text)}"') == text
