"""Fetching reaches public addresses only, and within limits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.errors import BadRequest, BlockedUrl, ServiceError, TooLarge
from sidecar.core.ssrf import Address, Resolver, check_url, fetch, is_allowed, post

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
def test_private_and_special_addresses_are_forbidden(address: str) -> None:
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
Handler = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[int]:
    """Run a server on loopback that passes each request's head to the handler; yield its port."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        await handler(head.decode("latin-1"), reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


@asynccontextmanager
async def http_server(respond: Responder) -> AsyncIterator[int]:
    """Run a server that responds with raw bytes, or never if there are none; yield its port."""

    async def handler(
        head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(respond(head) or await reader.read())

    async with raw_server(handler) as port:
        yield port


def ok(body: bytes, *headers: str) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def redirect(location: str) -> bytes:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


def static_resolver(addresses: dict[str, list[str]]) -> Resolver:
    async def resolver(host: str, port: int) -> Sequence[Address]:
        return [ip_address(address) for address in addresses.get(host, [])]

    return resolver


async def get(url: str, *, allowed: Sequence[str] = LOOPBACK, max_bytes: int = 1000) -> bytes:
    return await fetch(url, max_bytes=max_bytes, timeout_s=2, allowed_networks=allowed)


async def test_fetch_returns_the_body_and_sends_the_host() -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return ok(b"image")

    async with http_server(respond) as port:
        body = await fetch(
            f"http://shop.example:{port}/a?b=c",
            max_bytes=10,
            timeout_s=2,
            allowed_networks=LOOPBACK,
            resolver=static_resolver({"shop.example": ["127.0.0.1"]}),
        )
    assert body == b"image"
    assert heads[0].startswith("GET /a?b=c HTTP/1.1")
    assert f"host: shop.example:{port}" in heads[0].lower()


async def test_loopback_and_names_that_resolve_to_it_are_blocked_by_default() -> None:
    async with http_server(lambda head: ok(b"secret")) as port:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"):
            with pytest.raises(BlockedUrl):
                await get(f"http://{host}:{port}/", allowed=())


async def test_a_name_with_one_forbidden_address_is_blocked() -> None:
    with pytest.raises(BlockedUrl):
        await fetch(
            "http://mixed.example/",
            max_bytes=10,
            timeout_s=2,
            resolver=static_resolver({"mixed.example": ["93.184.215.14", "10.0.0.1"]}),
        )


async def test_each_redirect_is_checked() -> None:
    async with http_server(lambda head: redirect("http://169.254.169.254/latest")) as port:
        with pytest.raises(BlockedUrl):
            await get(f"http://127.0.0.1:{port}/")
    for location in ("file:///etc/passwd", "http://[", "//[::1"):
        async with http_server(lambda head, to=location: redirect(to)) as port:
            with pytest.raises(BadRequest):
                await get(f"http://127.0.0.1:{port}/")


async def test_only_a_few_redirects_are_followed() -> None:
    async with http_server(
        lambda head: ok(b"here") if "/b" in head.split("\r\n")[0] else redirect("/b")
    ) as port:
        assert await get(f"http://127.0.0.1:{port}/a") == b"here"
    async with http_server(lambda head: redirect("/again")) as port:
        with pytest.raises(BlockedUrl, match="redirects"):
            await get(f"http://127.0.0.1:{port}/")


async def test_more_bytes_than_the_limit_are_refused() -> None:
    async with http_server(lambda head: ok(b"x" * 1001)) as port:
        with pytest.raises(TooLarge, match="1000"):
            await get(f"http://127.0.0.1:{port}/")


async def test_an_invalid_response_is_a_bad_request() -> None:
    async with http_server(lambda head: ok(b"x", "Content-Encoding: gzip")) as port:
        with pytest.raises(BadRequest, match="compressed"):
            await get(f"http://127.0.0.1:{port}/")
    async with http_server(lambda head: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") as port:
        with pytest.raises(BadRequest, match="404"):
            await get(f"http://127.0.0.1:{port}/")
    async with http_server(lambda head: b"not http at all") as port:
        with pytest.raises(BadRequest):
            await get(f"http://127.0.0.1:{port}/")
    async with http_server(lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx") as port:
        with pytest.raises(BadRequest):
            await get(f"http://127.0.0.1:{port}/")


async def test_a_slow_server_times_out() -> None:
    async with http_server(lambda head: b"") as port:
        with pytest.raises(BadRequest, match="within"):
            await fetch(
                f"http://127.0.0.1:{port}/",
                max_bytes=10,
                timeout_s=0.05,
                allowed_networks=LOOPBACK,
            )


@given(st.text(max_size=60))
def test_any_text_as_a_url_raises_a_service_error(text: str) -> None:
    with pytest.raises(ServiceError):
        asyncio.run(fetch(f"http:{text}", max_bytes=1, timeout_s=1, resolver=static_resolver({})))


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
async def test_invalid_urls_are_blocked(url: str) -> None:
    with pytest.raises(BlockedUrl):
        await get(url)


async def call_webhook(url: str, *, allowed: Sequence[str] = LOOPBACK) -> int:
    return await post(url, b'{"a": 1}', {"webhook-id": "x"}, timeout_s=2, allowed_networks=allowed)


async def test_post_returns_the_status_of_the_response() -> None:
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head.lower())
        return b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    async with http_server(respond) as port:
        assert await call_webhook(f"http://127.0.0.1:{port}/done") == 204
    assert heads[0].startswith("post /done http/1.1")
    assert "webhook-id: x" in heads[0]


async def test_post_follows_no_redirect_and_reaches_no_forbidden_address() -> None:
    async with http_server(lambda head: redirect("/elsewhere")) as port:
        assert await call_webhook(f"http://127.0.0.1:{port}/") == 302
        with pytest.raises(BlockedUrl):
            await call_webhook(f"http://127.0.0.1:{port}/", allowed=())
        with pytest.raises(BlockedUrl):
            await call_webhook(f"http://localhost:{port}/", allowed=())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "..", "nowhere.invalid"])
async def test_an_unresolvable_host_is_a_bad_request(host: str) -> None:
    with pytest.raises(BadRequest):
        await call_webhook(f"http://{host}/")


def test_check_url_blocks_urls_before_their_host_is_resolved() -> None:
    check_url("https://core.example/done")
    check_url("http://10.1.2.3/", ["10.1.2.0/24"])
    for url in ("http://10.1.2.3/", "http://[fdaa::3]/", "gopher://x/", "http:///x"):
        with pytest.raises(BlockedUrl):
            check_url(url)
