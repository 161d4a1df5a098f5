"""A bucket of our own: a real server that speaks as S3 does, and a relay before it that can be slow, or fail as storage
does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from obstore.store import S3Store

from nextlabel.client.stack import free_port

KEY, SECRET = "a-key-of-the-tests", "a-secret-of-the-tests"
KEYS_OF_A_PAGE = 20  # S3 itself lists a thousand at once
DROP = object()  #: the relay closes the connection, in the middle of what it may have begun to say
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Fault = Callable[[str, str], Any]  # method and path -> an answer's bytes, DROP, or None: the server answers


def refusal(status: int, code: str) -> bytes:
    """Make an answer as S3 refuses."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no {SECRET}</Message></Error>".encode()
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Often:
    """A fault at every third request."""

    def __init__(self, fault: Any) -> None:
        self._fault, self._count = fault, 0
        self._counting = threading.Lock()

    def __call__(self, _method: str, _path: str) -> Any:
        with self._counting:
            self._count += 1
            return self._fault if self._count % 3 == 0 else None


@dataclass(eq=False)
class Relay:
    """Hands requests on to a server, each after `delay_s`, and notes them; `fault` may answer in the server's place."""

    to: int
    delay_s: float = 0.0
    fault: Fault = lambda _method, _path: None
    asked: list[tuple[str, str]] = field(default_factory=list)  # method, path
    answered: list[str] = field(default_factory=list)  # paths of objects that the server handed out
    kept: dict[str, bytes] | None = None  # answers to GETs by path, given again without asking the server
    port: int = 0
    at_once: int = 0  # requests that wait for their answers
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fetched(self) -> list[str]:
        """List the paths of the objects that were asked for, of which listings are none."""
        return [path for method, path in self.asked if method == "GET" and "list-type" not in path]

    @contextmanager
    def running(self) -> Iterator[Relay]:
        ready = threading.Event()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            server = await asyncio.start_server(self._handle, "127.0.0.1", self.port, limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            with suppress(asyncio.CancelledError):
                await server.serve_forever()

        serving = loop.create_task(serve())
        thread = threading.Thread(target=lambda: _run(loop, serving), daemon=True)
        thread.start()
        ready.wait(10)
        yield self
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = None
        try:
            while head := await _head(reader):
                method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
                body = await reader.readexactly(_length(head))
                self.asked.append((method, path))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(self.delay_s)
                self.at_once -= 1
                fault = self.fault(method, path)
                if fault is DROP:
                    return
                if fault is None and self.kept is not None and method == "GET":
                    fault = self.kept.get(path)
                if fault is None:
                    upstream = await self._connected(upstream)
                    upstream[1].write(head + body)
                    fault = await _answer(upstream[0], method)
                    if method == "GET" and "list-type" not in path:
                        self.answered.append(path)
                    if self.kept is not None and method == "GET":
                        self.kept[path] = fault
                writer.write(fault)
                await writer.drain()
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()
            if upstream is not None:
                upstream[1].close()

    async def _connected(self, upstream: Connection | None) -> Connection:
        if upstream is not None and upstream[0].at_eof():  # Azurite ends what is idle for five seconds
            upstream[1].close()
            upstream = None
        return upstream or await asyncio.open_connection("127.0.0.1", self.to, limit=1 << 20)


def _run(loop: asyncio.AbstractEventLoop, serving: asyncio.Task[None]) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serving)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _length(head: bytes) -> int:
    found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0].split(b":")[1]) if found else 0


async def _answer(reader: asyncio.StreamReader, method: str) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if method == "HEAD":
        return head
    if b"transfer-encoding: chunked" not in head.lower():
        return head + await reader.readexactly(_length(head))
    parts = [head]
    while True:
        size = await reader.readuntil(b"\r\n")
        parts += [size, await reader.readexactly(int(size, 16) + 2)]
        if int(size, 16) == 0:
            return b"".join(parts)


class Storage:
    """A server with buckets, and the relay that its users speak to."""

    def __init__(self, port: int, relay: Relay) -> None:
        self._port, self.relay = port, relay

    @property
    def environment(self) -> dict[str, str]:
        """Return what tells a process where the buckets are."""
        return {
            "AWS_ENDPOINT_URL": self.relay.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def make(self, bucket: str) -> None:
        self._ask("PUT", f"/{bucket}")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.store(bucket).put(key, content)

    def put_all(self, bucket: str, content: Mapping[str, bytes]) -> None:
        store = self.store(bucket)
        with ThreadPoolExecutor(8) as putters:
            list(putters.map(lambda key: store.put(key, content[key]), content))

    def put_folder(self, folder: Path, bucket: str, prefix: str) -> None:
        files = [file for file in folder.rglob("*") if file.is_file()]
        names = [f"{prefix}/{file.relative_to(folder).as_posix()}" for file in files]
        self.put_all(bucket, {name: file.read_bytes() for name, file in zip(names, files, strict=True)})

    def delete(self, bucket: str, key: str) -> None:
        self.store(bucket).delete(key)

    def store(self, bucket: str) -> Any:
        """Return obstore's own store, beside the relay."""
        said = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
        endpoint = f"http://127.0.0.1:{self._port}"
        return S3Store(bucket, endpoint=endpoint, client_options={"allow_http": True}, **said)

    def put_odd(self, bucket: str, quoted_key: str) -> None:
        """Put an object by a key that obstore would refuse, quoted as in a URL."""
        self._ask("PUT", f"/{bucket}/{quoted_key}", b"odd")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> None:
        said = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        with socket.create_connection(("127.0.0.1", self._port), 10) as connection:  # urllib would tidy the path up
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {said}\r\nConnection: close\r\n"
            connection.sendall(f"{head}Content-Length: {len(body or b'')}\r\n\r\n".encode() + (body or b""))
            answer = connection.recv(4096)
        assert b" 200 " in answer.split(b"\r\n")[0], answer


@contextmanager
def moto_storage(log: Path, keys_of_a_page: int = KEYS_OF_A_PAGE) -> Iterator[Storage]:
    """Run moto's server, which speaks as S3 does, but checks no signature."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    more = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(keys_of_a_page)}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=more) as server:
        try:
            until_up(f"http://127.0.0.1:{port}/moto-api/")
            with Relay(port).running() as relay:
                yield Storage(port, relay)
        finally:
            server.kill()


def until_up(url: str, seconds: float = 60.0) -> None:
    began = time.monotonic()
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() - began > seconds:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
