"""Attacks by the owner of a URL, each performed by a real server."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from ipaddress import ip_address

import pytest

from sidecar.core.errors import BadRequest, BlockedUrl, ServiceError, TooLarge
from sidecar.core.ssrf import Address, fetch
from tests.unit.sidecar.core.test_ssrf import (
    LOOPBACK,
    get,
    http_server,
    ok,
    raw_server,
    redirect,
    static_resolver,
)


def constant(response: bytes, head: str) -> bytes:
    return response


@asynccontextmanager
async def streaming_server(stream: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[int]:
    """Run a server that streams its response until the client disconnects; yield its port."""

    async def handler(
        head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            async for chunk in stream():
                writer.write(chunk)
                await writer.drain()

    async with raw_server(handler) as port:
        yield port


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",  # decimal
        "0177.0.0.1",  # octal
        "0x7f.0.0.1",  # hexadecimal
        "127.1",  # short
        "[::1]",
        "[::ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fdaa::3]",
        "[fe80::1%25lo]",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST.",
        "１２７.0.0.1",  # full-width digits
    ],
)
async def test_no_spelling_of_loopback_reaches_it(host: str) -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"secret")

    async with http_server(respond) as port:
        with pytest.raises(BadRequest):  # BlockedUrl is one; or the host doesn't resolve
            await get(f"http://{host}:{port}/", allowed=())
        with pytest.raises(BadRequest):
            await get(f"http://127.0.0.1:{port}/", allowed=())
    assert heads == []


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fdaa::3]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://0xa000001/",
        "//10.0.0.1/",
        "http://user:password@shop.example/",
        "file:///etc/passwd",
        "gopher://10.0.0.1:6379/_FLUSHALL",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
    ],
)
async def test_no_redirect_reaches_a_forbidden_url(location: str) -> None:
    async with http_server(lambda head: redirect(location)) as port:
        with pytest.raises(BadRequest):  # BlockedUrl is one; some are invalid for httpx
            await get(f"http://127.0.0.1:{port}/")


async def test_a_name_is_resolved_once_so_dns_rebinding_fails() -> None:
    resolved: list[str] = []
    heads: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        resolved.append(host)
        return [ip_address("127.0.0.1" if len(resolved) == 1 else "10.0.0.1")]

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image") if "/a" in head.split("\r\n")[0] else redirect("/again")

    async with http_server(respond) as port:
        url = f"http://rebind.example:{port}"
        first = await fetch(
            f"{url}/a", max_bytes=9, timeout_s=2, allowed_networks=LOOPBACK, resolver=rebinding
        )
        assert (first, resolved) == (b"image", ["rebind.example"])
        resolved.clear()
        with pytest.raises(BlockedUrl):  # the redirect is a URL of its own
            await fetch(
                f"{url}/b", max_bytes=9, timeout_s=2, allowed_networks=LOOPBACK, resolver=rebinding
            )
    assert len(heads) == 2


async def test_an_endless_body_is_cut_at_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            sent += 4096
            yield b"1000\r\n" + b"x" * 4096 + b"\r\n"

    async with streaming_server(endless) as port:
        with pytest.raises(TooLarge):
            await get(f"http://127.0.0.1:{port}/", max_bytes=100_000)
    assert sent < 50_000_000  # no more than the sockets buffer


async def test_endless_headers_are_refused() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X-More: " + b"x" * 8000 + b"\r\n"

    async with streaming_server(endless) as port:
        with pytest.raises(BadRequest, match="could not be fetched"):
            await get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b""])
async def test_a_slow_trickle_of_bytes_times_out(head: bytes) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield head
        while True:
            await asyncio.sleep(0.02)
            yield b"H"

    async with streaming_server(dripping) as port:
        with pytest.raises(BadRequest, match="within"):
            await fetch(
                f"http://127.0.0.1:{port}/",
                max_bytes=1000,
                timeout_s=0.3,
                allowed_networks=LOOPBACK,
            )


async def test_a_false_content_length_is_harmless() -> None:
    def head_with_length(length: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()

    async with http_server(lambda head: head_with_length("3") + b"x" * 5000) as port:
        assert await get(f"http://127.0.0.1:{port}/") == b"xxx"
    for length in ("5000", "-1", "3, 4", "9" * 30, "0x10"):
        async with http_server(partial(constant, head_with_length(length) + b"xxx")) as port:
            with pytest.raises(BadRequest):
                await get(f"http://127.0.0.1:{port}/")


async def test_compressed_responses_are_never_decompressed() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    for encoding in ("gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip"):
        response = ok(bomb, f"Content-Encoding: {encoding}")
        async with http_server(partial(constant, response)) as port:
            with pytest.raises(BadRequest, match="compressed"):
                await get(f"http://127.0.0.1:{port}/", max_bytes=100_000)
    async with http_server(lambda head: ok(bomb)) as port:  # declared as plain: passed through
        assert await get(f"http://127.0.0.1:{port}/", max_bytes=100_000) == bomb


@pytest.mark.parametrize(
    "host",
    [
        "shop.example\r\nX-Injected: yes",
        "shop.example%0d%0aX-Injected: yes",
        "shop.example\\@10.0.0.1",
        "10.0.0.1#@shop.example",
        "shop.example:80@10.0.0.1",
        "shop.example ",
        "shop.example\t",
        "shop.example\0",
    ],
)
async def test_no_host_injects_a_header_or_another_host_into_the_request(host: str) -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image")

    names = {"shop.example": ["127.0.0.1"], "10.0.0.1": ["10.0.0.1"]}
    async with http_server(respond) as port:
        with suppress(ServiceError):
            await fetch(
                f"http://{host}:{port}/",
                max_bytes=10,
                timeout_s=1,
                allowed_networks=LOOPBACK,
                resolver=static_resolver(names),
            )
    assert not [head for head in heads if "\r\nx-injected" in head.lower()]


@pytest.mark.parametrize("port", ["-1", "65536", "80.0", "8 0", "0x50"])
async def test_an_invalid_port_is_blocked(port: str) -> None:
    with pytest.raises(BlockedUrl):
        await get(f"http://127.0.0.1:{port}/")
