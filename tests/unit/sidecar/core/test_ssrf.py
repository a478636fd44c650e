"""Fetching URLs: what may be reached, what may not, and how much of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.errors import BadRequest, BlockedUrl, ServiceError, TooLarge
from sidecar.core.ssrf import Address, check_url, fetch, is_allowed, post

LOOPBACK = ["127.0.0.0/8"]


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f::1", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fdaa:0:1::3",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
    ],
)
def test_private_and_special_addresses_are_not(address: str) -> None:
    assert not is_allowed(ip_address(address))


def test_a_setting_allows_a_range() -> None:
    assert is_allowed(ip_address("10.1.2.3"), ["10.1.2.0/24"])
    assert is_allowed(ip_address("::ffff:10.1.2.3"), ["10.1.2.0/24"])
    assert not is_allowed(ip_address("10.1.3.3"), ["10.1.2.0/24"])


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_one_counts_as_itself(address: Address) -> None:
    mapped = ip_address(f"::ffff:{address}")
    assert is_allowed(mapped) == is_allowed(address)


Responder = Callable[[str], bytes]
Talk = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A server on loopback that hears each request's head and then does as `talk` says; gives its
    port.
    """
    handling: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        await talk(head.decode("latin-1"), reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(task for task in handling if task), return_exceptions=True)


@asynccontextmanager
async def serving(respond: Responder) -> AsyncIterator[int]:
    """A server that answers each request's head with raw bytes, or with nothing at all until the
    client hangs up; gives its port.
    """

    async def talk(head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(respond(head) or await reader.read())

    async with listening(talk) as port:
        yield port


def ok(body: bytes, *headers: str) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def redirect(location: str) -> bytes:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


def resolving(answers: dict[str, list[str]]) -> Callable[[str, int], Awaitable[Sequence[Address]]]:
    async def resolver(host: str, port: int) -> Sequence[Address]:
        return [ip_address(one) for one in answers.get(host, [])]

    return resolver


async def get(url: str, *, allowed: Sequence[str] = LOOPBACK, max_bytes: int = 1000) -> bytes:
    return await fetch(url, max_bytes=max_bytes, timeout_s=2, allowed_networks=allowed)


async def test_the_body_comes_back_and_the_host_is_named() -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image")

    async with serving(respond) as port:
        body = await fetch(
            f"http://shop.example:{port}/a?b=c",
            max_bytes=10,
            timeout_s=2,
            allowed_networks=LOOPBACK,
            resolver=resolving({"shop.example": ["127.0.0.1"]}),
        )
    assert body == b"image"
    assert heads[0].startswith("GET /a?b=c HTTP/1.1")
    assert f"host: shop.example:{port}" in heads[0].lower()


async def test_loopback_is_blocked_by_default_and_so_is_a_name_that_leads_there() -> None:
    async with serving(lambda head: ok(b"secret")) as port:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"):
            with pytest.raises(BlockedUrl):
                await get(f"http://{host}:{port}/", allowed=())


async def test_a_name_with_one_forbidden_address_is_blocked() -> None:
    with pytest.raises(BlockedUrl):
        await fetch(
            "http://mixed.example/",
            max_bytes=10,
            timeout_s=2,
            resolver=resolving({"mixed.example": ["93.184.215.14", "10.0.0.1"]}),
        )


async def test_a_redirect_is_checked_anew() -> None:
    async with serving(lambda head: redirect("http://169.254.169.254/latest")) as port:
        with pytest.raises(BlockedUrl):
            await get(f"http://127.0.0.1:{port}/")
    async with serving(lambda head: redirect("file:///etc/passwd")) as port:
        with pytest.raises(BlockedUrl):
            await get(f"http://127.0.0.1:{port}/")


async def test_a_redirect_is_followed_but_not_for_ever() -> None:
    async with serving(
        lambda head: ok(b"here") if "/b" in head.split("\r\n")[0] else redirect("/b")
    ) as port:
        assert await get(f"http://127.0.0.1:{port}/a") == b"here"
    async with serving(lambda head: redirect("/again")) as port:
        with pytest.raises(BlockedUrl, match="redirects"):
            await get(f"http://127.0.0.1:{port}/")


async def test_more_bytes_than_the_limit_are_refused() -> None:
    async with serving(lambda head: ok(b"x" * 1001)) as port:
        with pytest.raises(TooLarge, match="1000"):
            await get(f"http://127.0.0.1:{port}/")


async def test_what_does_not_deliver_is_the_callers_fault() -> None:
    async with serving(lambda head: ok(b"x", "Content-Encoding: gzip")) as port:
        with pytest.raises(BadRequest, match="compressed"):
            await get(f"http://127.0.0.1:{port}/")
    async with serving(lambda head: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") as port:
        with pytest.raises(BadRequest, match="404"):
            await get(f"http://127.0.0.1:{port}/")
    async with serving(lambda head: b"not http at all") as port:
        with pytest.raises(BadRequest):
            await get(f"http://127.0.0.1:{port}/")
    async with serving(lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx") as port:
        with pytest.raises(BadRequest):
            await get(f"http://127.0.0.1:{port}/")


async def test_a_server_that_dawdles_runs_out_of_time() -> None:
    async with serving(lambda head: b"") as port:
        with pytest.raises(BadRequest, match="within"):
            await fetch(
                f"http://127.0.0.1:{port}/",
                max_bytes=10,
                timeout_s=0.05,
                allowed_networks=LOOPBACK,
            )


@given(st.text(max_size=60))
def test_no_text_is_a_url_that_breaks_the_service(text: str) -> None:
    with pytest.raises(ServiceError):
        asyncio.run(fetch(f"http:{text}", max_bytes=1, timeout_s=1, resolver=resolving({})))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "http://",
        "http://user:pass@example.com/",
        "http://[::1",
        "http://example.com:99999/",
        "gopher://example.com",
        "//example.com",
    ],
)
async def test_urls_that_are_none_are_blocked(url: str) -> None:
    with pytest.raises(BlockedUrl):
        await get(url)


async def call(url: str, *, allowed: Sequence[str] = LOOPBACK) -> int:
    return await post(url, b'{"a": 1}', {"webhook-id": "x"}, timeout_s=2, allowed_networks=allowed)


async def test_a_call_gives_the_status_that_it_was_answered_with() -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head.lower())
        return b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    async with serving(respond) as port:
        assert await call(f"http://127.0.0.1:{port}/done") == 204
    assert heads[0].startswith("post /done http/1.1")
    assert "webhook-id: x" in heads[0]


async def test_a_call_follows_no_redirect_and_reaches_nothing_forbidden() -> None:
    async with serving(lambda head: redirect("/elsewhere")) as port:
        assert await call(f"http://127.0.0.1:{port}/") == 302
        with pytest.raises(BlockedUrl):
            await call(f"http://127.0.0.1:{port}/", allowed=())
        with pytest.raises(BlockedUrl):
            await call(f"http://localhost:{port}/", allowed=())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "..", "nowhere.invalid"])
async def test_a_host_that_is_no_host_is_a_bad_request(host: str) -> None:
    with pytest.raises(BadRequest):
        await call(f"http://{host}/")


def test_a_url_is_checked_before_its_host_is_looked_up() -> None:
    check_url("https://core.example/done")
    check_url("http://10.1.2.3/", ["10.1.2.0/24"])
    for url in ("http://10.1.2.3/", "http://[fdaa::3]/", "gopher://x/", "http:///x"):
        with pytest.raises(BlockedUrl):
            check_url(url)
