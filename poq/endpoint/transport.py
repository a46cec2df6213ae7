"""HTTP for endpoints, which trusts neither the length of an answer nor the address that it names.

An answer that goes on is cut off, and a redirect is not followed: it might lead to a place that
only this machine reaches, or carry the request to somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

LONGEST_ANSWER = 4 * 2**20
"""Bytes of an answer, headers left out. A thousand tokens are some thousand bytes."""


class Unreadable(Exception):  # noqa: N818
    """An answer has more bytes than are read, or is compressed and may have any number."""


class NoAnswer(Exception):  # noqa: N818
    """No answer came; ``arrived`` unless the request certainly never reached the server."""

    def __init__(self, problem: str, *, arrived: bool) -> None:
        super().__init__(problem)
        self.arrived = arrived


class Reply(NamedTuple):
    """What a server sent back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Http:
    """Posts JSON to one address.

    Args:
        url: address of the resource.
        key: sent as a bearer token; None for none.
        timeout: seconds without a byte after which a request is given up.
        proxies: whether the environment's proxies are used; loopback is never reached through one.
    """

    def __init__(self, url: str, key: str | None, timeout: float, *, proxies: bool) -> None:
        import httpx2

        self._url = url
        headers = {"Accept-Encoding": "identity"}
        self._client: Any = httpx2.Client(
            headers=headers | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=timeout,
            trust_env=proxies,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=None),
        )

    def post(self, body: Mapping[str, Any], idempotency_key: str) -> Reply:
        """Return the reply to a body.

        Raises:
            NoAnswer: none came in time, or the connection broke.
            Unreadable: see there.
        """
        import httpx2

        headers = {"Idempotency-Key": idempotency_key}
        try:
            with self._client.stream("POST", self._url, json=body, headers=headers) as response:
                if "content-encoding" in response.headers:
                    raise Unreadable("a compressed answer, which was not asked for")
                content = bytearray()
                for chunk in response.iter_raw():
                    content += chunk
                    if len(content) > LONGEST_ANSWER:
                        raise Unreadable(f"an answer of more than {LONGEST_ANSWER} bytes")
                text = content.decode("utf-8", "replace")
                return Reply(response.status_code, response.headers, text)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError):
            raise NoAnswer("the connection broke", arrived=False) from None
        except httpx2.TimeoutException:
            raise NoAnswer("no answer in time", arrived=True) from None
        except httpx2.TransportError:
            raise NoAnswer("the connection broke", arrived=True) from None
