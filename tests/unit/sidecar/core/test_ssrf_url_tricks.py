"""The tricks that a URL's owner can play on whoever fetches it, each tried by a real server."""

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
    listening,
    ok,
    redirect,
    resolving,
    serving,
)


def constant(answer: bytes, head: str) -> bytes:
    return answer


@asynccontextmanager
async def talking(pieces: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[int]:
    """A server that says one piece after the other until it is hung up on; gives its port."""

    async def talk(head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async for piece in pieces():
                writer.write(piece)
                await writer.drain()

    async with listening(talk) as port:
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
async def test_no_way_to_write_this_host_reaches_it(host: str) -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"secret")

    async with serving(respond) as port:
        with pytest.raises(BadRequest):  # BlockedUrl is one; or there is no such host
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
async def test_no_redirect_leads_where_no_url_may(location: str) -> None:
    async with serving(lambda head: redirect(location)) as port:
        with pytest.raises(BadRequest):  # BlockedUrl is one; some are no URL to the HTTP client
            await get(f"http://127.0.0.1:{port}/")


async def test_a_name_is_looked_up_once_and_what_it_means_later_does_not_count() -> None:
    asked: list[str] = []
    heads: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image") if "/a" in head.split("\r\n")[0] else redirect("/again")

    async with serving(respond) as port:
        url = f"http://rebind.example:{port}"
        first = await fetch(
            f"{url}/a", max_bytes=9, timeout_s=2, allowed_networks=LOOPBACK, resolver=rebinding
        )
        assert (first, asked) == (b"image", ["rebind.example"])
        asked.clear()
        with pytest.raises(BlockedUrl):  # the redirect is a URL of its own
            await fetch(
                f"{url}/b", max_bytes=9, timeout_s=2, allowed_networks=LOOPBACK, resolver=rebinding
            )
    assert len(heads) == 2


async def test_a_body_without_end_is_cut_at_the_limit() -> None:
    said = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal said
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            said += 4096
            yield b"1000\r\n" + b"x" * 4096 + b"\r\n"

    async with talking(endless) as port:
        with pytest.raises(TooLarge):
            await get(f"http://127.0.0.1:{port}/", max_bytes=100_000)
    assert said < 50_000_000  # what the sockets hold, and no more


async def test_headers_without_end_are_given_up_on() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X-More: " + b"x" * 8000 + b"\r\n"

    async with talking(endless) as port:
        with pytest.raises(BadRequest, match="could not be fetched"):
            await get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b""])
async def test_a_drip_of_bytes_counts_as_one_wait(head: bytes) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield head
        while True:
            await asyncio.sleep(0.02)
            yield b"H"

    async with talking(dripping) as port:
        with pytest.raises(BadRequest, match="within"):
            await fetch(
                f"http://127.0.0.1:{port}/",
                max_bytes=1000,
                timeout_s=0.3,
                allowed_networks=LOOPBACK,
            )


async def test_a_length_that_is_a_lie_gains_nothing() -> None:
    def saying(length: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()

    async with serving(lambda head: saying("3") + b"x" * 5000) as port:
        assert await get(f"http://127.0.0.1:{port}/") == b"xxx"
    for length in ("5000", "-1", "3, 4", "9" * 30, "0x10"):
        async with serving(partial(constant, saying(length) + b"xxx")) as port:
            with pytest.raises(BadRequest):
                await get(f"http://127.0.0.1:{port}/")


async def test_what_is_compressed_is_never_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    for encoding in ("gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip"):
        answer = ok(bomb, f"Content-Encoding: {encoding}")
        async with serving(partial(constant, answer)) as port:
            with pytest.raises(BadRequest, match="compressed"):
                await get(f"http://127.0.0.1:{port}/", max_bytes=100_000)
    async with serving(lambda head: ok(bomb)) as port:  # said to be plain: then it is what it is
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
async def test_no_host_smuggles_a_line_or_another_host_into_the_request(host: str) -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image")

    names = {"shop.example": ["127.0.0.1"], "10.0.0.1": ["10.0.0.1"]}
    async with serving(respond) as port:
        with suppress(ServiceError):
            await fetch(
                f"http://{host}:{port}/",
                max_bytes=10,
                timeout_s=1,
                allowed_networks=LOOPBACK,
                resolver=resolving(names),
            )
    assert not [head for head in heads if "\r\nx-injected" in head.lower()]


@pytest.mark.parametrize("port", ["-1", "65536", "80.0", "8 0", "0x50"])
async def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(BlockedUrl):
        await get(f"http://127.0.0.1:{port}/")
