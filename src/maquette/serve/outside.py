"""Calls to addresses that users name. Only public addresses are called, and the one that was checked is the one called.

The host is resolved once, every address it has must be public, and the connection goes to that very address, so that a
name that changes its address in between gains nothing. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import anyio.to_thread
import httpx

from maquette.serve.problems import Problem

TIMEOUT = 10.0


def is_allowed(host: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host is one of these names, or below one that starts with a dot."""
    return any(host == pattern or (pattern[0] == "." and host.endswith(pattern)) for pattern in patterns)


def check_url(field: str, url: str) -> tuple[str, int]:
    """The host and port of an http(s) address.

    Raises:
        Problem: invalid.
    """
    message = "must be an address like https://host/path"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Problem("invalid", f"{field} {message}", errors={field: message}) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise Problem("invalid", f"{field} {message}", errors={field: message})
    return parts.hostname, port


def resolve(field: str, url: str, private: tuple[str, ...] = ()) -> str:
    """The address to call for a URL.

    Args:
        field: what the URL is called in messages.
        url: an http or https address.
        private: hosts that may have private addresses.

    Raises:
        Problem: invalid, where the host is unknown or not public.
    """
    host, port = check_url(field, url)
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        message = f"names the host {host}, which cannot be found"
        raise Problem("invalid", f"{field} {message}", errors={field: message}) from None
    if not is_allowed(host, private) and not all(_is_public(address) for address in found):
        message = f"names the host {host}, which has a private address"
        raise Problem("invalid", f"{field} {message}", errors={field: message})
    return sorted(found)[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global and not parsed.is_multicast


async def call(
    client: httpx.AsyncClient, method: str, url: str, address: str, headers: dict[str, str], data: bytes = b""
) -> httpx.Response:
    """Send a request to an address that was resolved before; the answer's body is not read yet."""
    target = httpx.URL(url)
    request = client.build_request(
        method,
        target.copy_with(host=address),
        headers={"Host": target.netloc.decode(), **headers},
        content=data,
        extensions={"sni_hostname": target.host},
    )
    return await client.send(request, stream=True)


async def fetch(url: str, allowed: tuple[str, ...], limit: int) -> bytes:
    """The picture at an address.

    Args:
        url: where it is.
        allowed: the hosts that may be asked.
        limit: most bytes.

    Raises:
        Problem: invalid or too-large.
    """
    host, _ = check_url("image_url", url)
    if not is_allowed(host, allowed):
        message = f"names the host {host}, which this server does not fetch from; send the picture itself"
        raise Problem("invalid", f"image_url {message}", errors={"image_url": message})
    address = await anyio.to_thread.run_sync(resolve, "image_url", url, allowed)
    data = bytearray()
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
            answer = await call(client, "GET", url, address, {})
            if answer.status_code != 200:
                message = f"answered {answer.status_code}"
                raise Problem("invalid", f"image_url {message}", errors={"image_url": message})
            async for piece in answer.aiter_bytes():
                data += piece
                if len(data) > limit:
                    raise Problem("too-large", f"image_url holds more than {limit} bytes")
    except httpx.HTTPError as error:
        message = f"cannot be fetched: {type(error).__name__}"
        raise Problem("invalid", f"image_url {message}", errors={"image_url": message}) from None
    return bytes(data)
