"""TLS on one side, a plain server on the other: python tls_relay.py CERTIFICATE KEY PORT SERVER_PORT"""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress


async def serve(certificate: str, key: str, port: str, server_port: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", int(server_port))
        await asyncio.gather(copy(reader, back), copy(there, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(relay, "127.0.0.1", int(port), ssl=context) as server:
        await server.serve_forever()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
