"""What is asked of the origin."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

import httpx
from messages import Answer, Asked, Fields


class Failed(Exception):
    """There is no whole answer; `status` is what the client is told (CA-3)."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Origin:
    """Asked by httpx's transport, which follows and changes nothing; it keeps connections."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url = httpx.URL(url)
        self.authority = self.url.netloc.decode()
        self.timeout = timeout
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50, keepalive_expiry=5.0)
        self.transport = httpx.AsyncHTTPTransport(limits=limits)

    async def ask(self, asked: Asked, conditions: Fields | None = None) -> Answer:
        """Forward it, with these conditions instead of its own. Raises `Failed`."""
        left_out = {"host", "content-length", "expect"}
        if conditions is not None:
            left_out |= {"if-none-match", "if-modified-since"}
        kept = [(name, value) for name, value in asked.end_to_end() if name.lower() not in left_out]
        fields = [("Host", self.authority), *kept, *(conditions or []), ("Via", "1.1 lab")]
        request = httpx.Request(
            asked.method,
            self.url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
            content=asked.body or None,
            extensions={"target": asked.target.encode("latin-1"), "timeout": {"read": self.timeout}},
        )
        try:
            async with asyncio.timeout(self.timeout):
                response = await self.transport.handle_async_request(request)
        except (TimeoutError, httpx.TimeoutException):
            raise Failed(504) from None
        except (httpx.TransportError, ValueError):
            raise Failed(502) from None
        return await self.whole(response)

    async def whole(self, response: httpx.Response) -> Answer:
        """With its body as it came."""
        try:
            body = b"".join([piece async for piece in response.aiter_raw()])
        except (httpx.HTTPError, httpx.StreamError):
            raise Failed(502) from None
        finally:
            await response.aclose()
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        answer = Answer(response.status_code, fields, body, response.reason_phrase)
        answer.fields = answer.end_to_end()
        if not answer.lines("date"):
            answer.fields.append(("Date", formatdate(usegmt=True)))
        return answer
