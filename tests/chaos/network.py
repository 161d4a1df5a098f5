"""The way from each process to Redis: a TCP proxy that can be slow, lose replies, or let nothing through."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

CHUNK_BYTES = 1 << 16


class Link:
    """One process' way to Redis. Its fields may be changed at any time, from any thread."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.is_cut = False  #: nothing gets through, and nobody is told
        self.lost_replies = 0.0  #: this share of replies is lost, and the connection with it: the command has run
        self.late_s = 0.0  #: each reply comes so much later
        self._server_port = server_port

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.create_task(self._ask(reader, to_server)),
            asyncio.create_task(self._reply(from_server, writer)),
        ]
        with suppress(asyncio.CancelledError):  # the network is being closed
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, to_server):
            with suppress(OSError):
                end.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._passable()
                writer.write(data)
                await writer.drain()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rng = random.Random()
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self.late_s)
                await self._passable()
                if rng.random() < self.lost_replies:
                    return
                writer.write(data)
                await writer.drain()

    async def _passable(self) -> None:
        while self.is_cut:
            await asyncio.sleep(0.02)


class Network:
    """A thread with all links."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def link(self) -> Link:
        """A new way to Redis; the process is given `port` in place of Redis' own."""
        link = Link(self._server_port)
        asyncio.run_coroutine_threadsafe(self._open(link), self._loop).result()
        return link

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, link: Link) -> None:
        server = await asyncio.start_server(link.connect, "127.0.0.1", 0)
        link.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
