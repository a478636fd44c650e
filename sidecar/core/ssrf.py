"""Fetches and calls URLs that callers name, protected against server-side request forgery (SSRF).

The host is resolved once, all its addresses must be allowed, and the connection goes to a checked
address, so DNS rebinding gains nothing. Each redirect is checked too. Time and bytes are limited,
and compressed responses are refused, not decompressed.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

import httpx

from sidecar.core.errors import BadRequest, BlockedUrl, TooLarge

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]

#: Ranges that no URL may reach unless a setting allows it (IANA special-purpose registries).
FORBIDDEN = [
    ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link-local and cloud metadata, RFC 3927
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "198.18.0.0/15",  # benchmarking, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved and broadcast, RFC 1112
        "::/128",  # unspecified, RFC 4291
        "::1/128",  # loopback, RFC 4291
        "64:ff9b:1::/48",  # local-use translation, RFC 8215
        "100::/64",  # discard-only, RFC 6666
        "2001:db8::/32",  # documentation, RFC 3849
        "3fff::/20",  # documentation, RFC 9637
        "5f00::/16",  # segment routing, RFC 9602
        "fc00::/7",  # unique local, RFC 4193 (Fly's 6PN, fdaa::/16, among them)
        "fe80::/10",  # link-local, RFC 4291
        "fec0::/10",  # site-local, RFC 3879
        "ff00::/8",  # multicast, RFC 4291
    )
]
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
_IPV4_TRANSLATED = ip_network("::ffff:0:0:0/96")  # RFC 2765
_IPV4_COMPATIBLE = ip_network("::/96")  # RFC 4291, 2.5.5.1

_MAX_REDIRECTS = 3

#: A host name (letters of any script, for IDNA encodes them), or an IPv6 address and its zone.
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F.]*:[0-9a-fA-F.:]*(%[\w.-]+)?")


def is_allowed(address: Address, allowed_networks: Sequence[str] = ()) -> bool:
    """Return whether a URL may reach the address; an IPv4-in-IPv6 address counts as its IPv4."""
    if any(address in ip_network(cidr) for cidr in allowed_networks):
        return True
    ipv4 = _embedded_ipv4(address)
    if ipv4 is not None:
        return is_allowed(ipv4, allowed_networks)
    return not any(address in network for network in FORBIDDEN)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes tens of milliseconds


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    compatible = address in _IPV4_COMPATIBLE and int(address) > 0xFFFF
    if compatible or address in _NAT64 or address in _IPV4_TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Return every address of a host name. Raises OSError when it has none."""
    loop = asyncio.get_running_loop()
    results = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in results]


async def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout_s: float,
    allowed_networks: Sequence[str] = (),
    resolver: Resolver = resolve,
) -> bytes:
    """Return the body of the response to a GET, following up to 3 redirects.

    Raises BlockedUrl when the URL or a redirect may not be fetched, TooLarge when the body has more
    than `max_bytes`, and BadRequest when the server fails or takes longer than `timeout_s` seconds.
    """
    async with _client(timeout_s) as client:
        for _ in range(_MAX_REDIRECTS + 1):
            body, location = await _get(client, url, max_bytes, allowed_networks, resolver)
            if location is None:
                return body
            try:
                url = urljoin(url, location)
            except ValueError as error:
                raise BlockedUrl("The URL redirects to a malformed one.") from error
    raise BlockedUrl(f"The URL redirects more than {_MAX_REDIRECTS} times.")


async def post(
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allowed_networks: Sequence[str] = (),
) -> int:
    """Send a POST and return the response's status; its body and redirects are ignored.

    Raises BlockedUrl when the URL may not be reached, and BadRequest when the server doesn't answer
    within `timeout_s` seconds.
    """
    async with _client(timeout_s) as client:
        request = await _request(client, "POST", url, allowed_networks, resolve, headers, content)
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code


@contextmanager
def blocked_field(name: str) -> Iterator[None]:
    """Name the request's field in a BlockedUrl that is raised inside."""
    try:
        yield
    except BlockedUrl as error:
        raise BlockedUrl(f"{name}: {error.message}") from error


def check_url(url: str, allowed_networks: Sequence[str] = ()) -> None:
    """Check a URL as far as possible without resolving its host. Raises BlockedUrl."""
    _, host, _ = _split_url(url)
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not is_allowed(address, allowed_networks):
        raise BlockedUrl


@asynccontextmanager
async def _client(timeout_s: float) -> AsyncIterator[httpx.AsyncClient]:
    try:
        async with asyncio.timeout(timeout_s):
            # trust_env: a proxy from the environment would undo the checks.
            async with httpx.AsyncClient(
                trust_env=False, timeout=timeout_s, verify=_certificates()
            ) as client:
                yield client
    except TimeoutError as error:
        raise BadRequest(f"The URL did not answer within {timeout_s:g} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise BadRequest("The URL could not be fetched.") from error


async def _get(
    client: httpx.AsyncClient,
    url: str,
    max_bytes: int,
    allowed_networks: Sequence[str],
    resolver: Resolver,
) -> tuple[bytes, str | None]:
    """Return the body, or an empty one and the location of a redirect."""
    request = await _request(client, "GET", url, allowed_networks, resolver)
    response = await client.send(request, stream=True)
    try:
        if response.is_redirect:
            return b"", response.headers.get("location", "")
        if response.status_code != 200:
            raise BadRequest(f"The URL answered with status {response.status_code}.")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadRequest("The URL answered with compressed content, which is not accepted.")
        return await _read_capped(response, max_bytes), None
    finally:
        await response.aclose()


async def _request(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    allowed_networks: Sequence[str],
    resolver: Resolver,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Request:
    """Build a request to the checked address, with the host's name in its headers and TLS."""
    scheme, host, port = _split_url(url)
    addresses = await resolver(host, port)
    if not addresses or not all(is_allowed(address, allowed_networks) for address in addresses):
        raise BlockedUrl
    pinned = httpx.URL(url).copy_with(host=str(addresses[0]), fragment=None)
    name = f"[{host}]" if ":" in host else host
    default_port = {"http": 80, "https": 443}[scheme]
    return client.build_request(
        method,
        pinned,
        headers={
            **(headers or {}),
            "host": name if port == default_port else f"{name}:{port}",
            "accept-encoding": "identity",
        },
        content=content,
        extensions={"sni_hostname": host},
    )


def _split_url(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BlockedUrl("The URL is malformed.") from error
    if not url.isprintable():
        raise BlockedUrl("The URL is malformed.")
    if parts.scheme not in ("http", "https") or not host:
        raise BlockedUrl("Only http and https URLs with a host can be reached.")
    if not _HOST.fullmatch(host):
        raise BlockedUrl("The URL's host is not a host name or an address.")
    if parts.username is not None or parts.password is not None:
        raise BlockedUrl("A URL with credentials can't be reached.")
    return parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme]


async def _read_capped(response: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"The URL's content is over the limit of {max_bytes} bytes.")
    return bytes(body)
