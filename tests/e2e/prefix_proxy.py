"""A proxy that serves a service under a path prefix, which it takes off and says nothing of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PREFIX = "/deep/nextlabel"
#: Of the connection, not of the message.
OF_THE_HOP = ("connection", "transfer-encoding", "host", "date", "server")


@contextmanager
def under_a_prefix(url: str) -> Iterator[str]:
    """Serve what is at `url` under PREFIX, and nothing else. Yields its new address, without a slash at its end."""
    with httpx.Client(base_url=url, timeout=90) as service:

        class Handler(BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                if not self.path.startswith(f"{PREFIX}/"):
                    self.send_error(404, "outside the prefix")
                    return
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
                asked = service.build_request(
                    self.command, self.path.removeprefix(PREFIX), content=content, headers=headers
                )
                answer = service.send(asked, stream=True)
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name not in OF_THE_HOP:
                        self.send_header(name, value)
                self.end_headers()
                for part in answer.iter_raw():
                    self.wfile.write(part)
                answer.close()

            do_GET = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815 - as the library calls them

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
        server.shutdown()
        server.server_close()
