"""The HTTP client that endpoints are asked by: it trusts neither their length nor their address.

An answer that goes on is cut off, and a redirect is not followed: it might lead to a place that
only this machine reaches, or carry the request to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONGEST_ANSWER = 4 * 2**20
"""Bytes of an answer, headers left out. A thousand tokens are some thousand bytes."""


class TooLong(Exception):  # noqa: N818
    """An answer has more bytes than are read, or is compressed and may have any number."""


def http_client(*, proxies: bool) -> Any:
    """Return the client (``httpx2.Client``).

    Args:
        proxies: whether the environment's proxies are used; loopback is never reached through one.
    """
    import httpx2
    import openai

    class Limited(httpx2.SyncByteStream):
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in self.stream:
                size += len(chunk)
                if size > LONGEST_ANSWER:
                    raise TooLong(f"an answer of more than {LONGEST_ANSWER} bytes")
                yield chunk

        def close(self) -> None:
            self.stream.close()

    def limit(response: httpx2.Response) -> None:
        if "content-encoding" in response.headers:
            response.close()
            raise TooLong("a compressed answer, which was not asked for")
        response.stream = Limited(response.stream)

    return openai.DefaultHttpxClient(
        trust_env=proxies,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [limit]},
    )
