"""A server that records the calls of webhooks."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: A call's headers, named in lower case, and its body.
Call = tuple[Mapping[str, str], bytes]


@contextmanager
def recorder(*, first_status: int = 204) -> Iterator[tuple[str, Sequence[Call]]]:
    """Yield a server's URL and its calls; it answers 204, and `first_status` to the first."""
    calls: list[Call] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(first_status if len(calls) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
