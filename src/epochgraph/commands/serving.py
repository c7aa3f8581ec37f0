"""`watch`: the page of a sweep on this machine, which follows the runs as they train."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.report.page import Json, digest_of, page_data, sweep_html
from epochgraph.watch.sweep import Sweep

HOST = "127.0.0.1"
"""Nobody else on the network is served."""


def server_of(sweep: Sweep, name: str, port: int) -> ThreadingHTTPServer:
    """A server of the page and its data, which reads the store anew when it is asked; it writes nothing.

    Args:
        sweep: The sweep.
        name: What it is called.
        port: Of this machine; 0 for any that is free.

    Raises:
        SettingError: The port is taken, or may not be used.
    """
    latest, lock = dict[str, Json](), threading.Lock()

    def data() -> Json:
        with lock:  # one at a time: several windows may be open
            try:
                found = page_data(sweep(), name, sweep.target)
                latest["data"] = {**found, "digest": digest_of(found)}
            except EpochgraphError:  # such as a file that is being replaced; what was known is shown
                if "data" not in latest:
                    raise
            return latest["data"]

    data()  # what is wrong with the store is said now
    try:
        return ThreadingHTTPServer((HOST, port), _handler(data))
    except OSError as error:
        raise SettingError("port", port, f"free on this machine ({error.strerror}); 0 takes any") from error


def _handler(data: Callable[[], Json]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
                self.send_error(403)  # a page elsewhere that has renamed itself to this machine
            elif asked.path == "/":
                self._send("text/html; charset=utf-8", sweep_html(data(), live=True))
            elif asked.path == "/data.json":
                found = data()
                seen = parse_qs(asked.query).get("than", [""])[0] == found["digest"]
                self._send("application/json", None if seen else json.dumps(found, allow_nan=False))
            else:
                self.send_error(404)

        def _send(self, kind: str, text: str | None) -> None:
            body = b"" if text is None else text.encode()
            self.send_response(204 if text is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the standard library's name
            """Say nothing of each request."""

    return Handler
