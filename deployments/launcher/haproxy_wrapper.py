"""The program that Ray Serve starts as HAProxy: edits Serve's configuration and runs HAProxy.

Serve has no hook for its configuration. Each edit below has a name and a required number of
matches. On any other number the wrapper exits with an error, so that a Ray version that renders a
different configuration is noticed instead of served insecurely.

Uses only the standard library (`python -I`), because importing the service would add half a second
to each reload.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Environment variables by which haproxy.py configures this script.
BINARY = "SIDECAR_HAPROXY_BINARY"
MAX_REQUESTS = "SIDECAR_MAX_REQUESTS_PER_REPLICA"
HEALTH_CHECK_RESERVE = "SIDECAR_HEALTH_CHECK_RESERVE"

_STARTING = "The service is starting or restarting; try again."
_BUSY = "The service is busy; try again shortly."
_TOO_SLOW = "The request arrived too slowly."
#: Connections of one address at once, and new ones in ten seconds.
MAX_CONNECTIONS = 1_024
_MAX_NEW_CONNECTIONS = 5_000
#: Connections above which an address is refused first: the last eighth of the places is for
#: the others.
_MANY_CONNECTIONS = 64
#: A request's head, and its body up to the buffer's 16 KiB, must arrive within http-request; then a
#: replica gets it. The ingress watches the rest of a larger body. `client` is the longest time
#: without a byte sent or received, while there is something to send or receive.
_CLIENT_LIMITS = f"""\
    option http-buffer-request
    timeout http-request 10s
    timeout client 30s
    timeout http-keep-alive 300s
    stick-table type ipv6 size 100k expire 1h store conn_cur,conn_rate(10s)
    tcp-request connection track-sc0 src
    tcp-request connection reject if {{ sc0_conn_cur gt {MAX_CONNECTIONS} }}
    tcp-request connection reject if {{ sc0_conn_rate gt {_MAX_NEW_CONNECTIONS} }}"""
_API, _OPENAI, _ANTHROPIC = "json", "openai.json", "anthropic.json"  # suffixes of files
_INVALID_ID = "The header X-Request-ID must have 1 to 200 visible ASCII characters."
_NO_ASCII_ID = "{ req.hdr(x-request-id) -m reg '[^ -~]' }"
_BACKEND = r"^backend http-\S+$"


class ConfigMismatch(Exception):
    """Serve's configuration is not the one that an edit was written for."""


@dataclass(frozen=True)
class Edit:
    """A replacement that must match `matches` times, or once in every backend for None."""

    name: str
    pattern: str  # a regular expression, multi-line
    replacement: str  # as in re.sub
    matches: int | None = 1


def required_edits(folder: Path, max_requests: int, health_check_reserve: int) -> Sequence[Edit]:
    """Return the edits; `folder` holds the configuration, its sockets and the error files.

    A replica receives at most `max_requests` requests at a time, of which `health_check_reserve`
    are reserved for health checks.
    """
    return (
        # Both would listen on every interface; only their ports are configurable.
        Edit(
            "metrics on a socket",
            r"^(frontend prometheus\n\s+)bind :\d+$",
            rf"\1bind unix@{folder}/metrics.http.sock mode 600",
        ),
        Edit(
            "statistics on a socket",
            r"^(listen stats\n\s+)bind \*:\d+$",
            rf"\1bind unix@{folder}/stats.http.sock mode 600",
        ),
        Edit("admin socket for its user", r"(admin\.sock) mode 666", r"\1 mode 600"),
        # The ingress logs requests.
        Edit("no syslog", r"^ *log .* local0 info\n", ""),
        # With splicing, HAProxy 2.8 misses the disconnect of a client that sent a small body in a
        # packet of its own.
        Edit("no splicing", r"^ *option splice-request\n", ""),
        # Other methods may already have taken effect.
        Edit(
            "retries for GET only",
            r"^frontend http_frontend$",
            r"\g<0>\n    http-request disable-l7-retry unless METH_GET",
        ),
        # By default a client has an hour for each step, and takes a replica's place meanwhile.
        Edit(
            "unfinished requests and slow readers",
            r"^( *)bind \S+:\d+$",
            rf"\g<0>\n{_escape(_CLIENT_LIMITS)}\n    errorfile 408 {folder}/408.http",
        ),
        # Serve fails on it, with a plain 500.
        Edit(
            "request ids in ASCII",
            r"^ *errorfile 408 .*$",
            r"\g<0>\n" + _escape(_respond(folder / "request-id", _NO_ASCII_ID, 400)),
        ),
        # Serve has no application yet, or no longer.
        Edit(
            "503 while starting",
            r"^ *http-request return status 404 .*$",
            _escape(_respond(folder / "starting", "TRUE")),
        ),
        # A replica that refuses requests itself soon does nothing else; refusing here costs next to
        # nothing.
        Edit(
            "bound of requests",
            r"^ *default-server .*$",
            rf"\g<0> maxconn {max_requests}",
            matches=None,
        ),
        Edit(
            "503 when busy",
            _BACKEND,
            r"\g<0>" + "\n" + _escape(
                "\n".join(
                    _respond(folder / "busy", f"{condition} !{{ path_beg /health }}")
                    for condition in (
                        f"{{ be_conn_free lt {health_check_reserve} }}",
                        " ".join(
                            (
                                f"{{ be_conn_free lt {health_check_reserve + max_requests // 8} }}",
                                f"{{ sc0_conn_cur gt {_MANY_CONNECTIONS} }}",
                            )
                        ),
                    )
                )
            ),
            matches=None,
        ),
    )  # fmt: skip


def apply_edits(config: str, edits: Sequence[Edit]) -> str:
    """Return the configuration with every edit applied.

    Raises:
        ConfigMismatch: when an edit matches more or less often than it must.
    """
    backends = len(re.findall(_BACKEND, config, re.MULTILINE))
    for edit in edits:
        config, count = re.subn(edit.pattern, edit.replacement, config, flags=re.MULTILINE)
        expected = backends if edit.matches is None else edit.matches
        if count != expected:
            raise ConfigMismatch(
                f"HAProxy's configuration by Ray Serve: the edit '{edit.name}' matches in {count} "
                f"places instead of {expected}. This version of Ray is not supported."
            )
    return config


def write_error_files(folder: Path) -> None:
    """Write HAProxy's error bodies, in the API's shape, in OpenAI's and in Anthropic's."""
    for name, message, code in (
        ("starting", _STARTING, "overloaded"),
        ("busy", _BUSY, "overloaded"),
        ("request-id", _INVALID_ID, "bad_request"),
    ):
        for shape, body in _errors(message, "%[var(txn.id),json(utf8s)]", code).items():
            (folder / f"{name}.{shape}").write_text(json.dumps(body))
    # HAProxy sends an error file verbatim: without the request's id, but with its own headers.
    for name, status, message, code in (
        ("500", "503 Service Unavailable", _STARTING, "overloaded"),
        ("408", "408 Request Timeout", _TOO_SLOW, "request_timeout"),
    ):
        text = json.dumps(_errors(message, "", code)[_API])
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
            f"Connection: close\r\nContent-Length: {len(text.encode())}\r\n\r\n"
        )
        (folder / f"{name}.http").write_bytes(f"{head}{text}".encode())


def main(arguments: Sequence[str]) -> None:
    """Edit the configuration named by `-f`, if any, and exec HAProxy with the same arguments."""
    if "-f" in arguments:
        file = Path(arguments[arguments.index("-f") + 1])
        edits = required_edits(
            file.parent, int(os.environ[MAX_REQUESTS]), int(os.environ[HEALTH_CHECK_RESERVE])
        )
        file.write_text(apply_edits(file.read_text(), edits))
        write_error_files(file.parent)
    # In its own session, so that Ctrl-C reaches only the launcher, which drains HAProxy first.
    with suppress(PermissionError):
        os.setsid()
    binary = os.environ[BINARY]
    os.execv(binary, [binary, *arguments])


def _respond(file: Path, condition: str, status: int = 503) -> str:
    """Return the rules that respond with the file: below /v1 in OpenAI's shape or Anthropic's.

    The request's id is the client's or a new one, as in the ingress.
    """
    respond = (
        f"http-request return status {status} content-type application/json hdr Retry-After 1 "
        "hdr X-Request-ID %[var(txn.id)]"
    )
    has_id = "{ req.hdr(x-request-id) -m reg ^[!-~]{1,200}$ }"
    return "\n".join(
        (
            f"    http-request set-var-fmt(txn.id) req_%[uuid] if {condition}",
            f"    http-request set-var(txn.id) req.hdr(x-request-id) if {has_id} {condition}",
            f"    {respond} lf-file {file}.{_ANTHROPIC} if {{ path /v1/messages }} {condition}",
            f"    {respond} lf-file {file}.{_OPENAI} if {{ path_beg /v1/ }} {condition}",
            f"    {respond} lf-file {file}.{_API} if {condition}",
        )
    )


def _errors(message: str, request_id: str, code: str) -> dict[str, dict[str, object]]:
    """Return the error's body for each shape, by the suffix of its file."""
    is_retryable = code != "bad_request"
    api: dict[str, object] = {
        "request_id": request_id,
        "status": "error",
        "payload": {},
        "error": message,
        "detail": message,
        "code": code,
        "retryable": is_retryable,
    }
    kind = "server_error" if is_retryable else "invalid_request_error"
    openai = {"message": message, "type": kind, "param": None, "code": code}
    kind = "overloaded_error" if is_retryable else "invalid_request_error"
    anthropic = {"type": kind, "message": message}
    return {
        _API: api,
        _OPENAI: {"error": openai},
        _ANTHROPIC: {"type": "error", "error": anthropic, "request_id": request_id},
    }


def _escape(text: str) -> str:
    return text.replace("\\", r"\\")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ConfigMismatch as error:
        sys.exit(str(error))
