"""Listing a bucket of a million keys: seconds, memory, what is counted on the way, and what lost connections cost.

    python -m benchmarks.many_keys --keys 1000000 --latency-ms 30
    python -m benchmarks.many_keys --keys 1000000 --latency-ms 30 --lose-every 50

The keys are made up: a server lists them as S3 does, a thousand an answer, each after that time, in a process of its
own. What lists them is what a job of a worker uses. With `--lose-every` it loses the connection each so many answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from nextlabel.core.data.objects import PAGE
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data_roots import Roots, bucket_url

POOL = "s3://photos/pool"
OBJECT = (
    "<Contents><Key>{}</Key><LastModified>2026-11-28T00:00:00.000Z</LastModified>"
    '<ETag>"{:032x}"</ETag><Size>200000</Size></Contents>'
)


def main() -> None:
    arguments = _parse()
    if arguments.serve:
        asyncio.run(_Server(arguments).serve())
        return
    command = [sys.executable, "-m", "benchmarks.many_keys", "--serve", *sys.argv[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        os.environ |= {"AWS_ENDPOINT_URL": server.stdout.readline().strip(), "AWS_REGION": "us-east-1"}
        os.environ |= {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
        try:
            _list()
        finally:
            server.terminate()


def _list() -> None:
    counts: list[tuple[float, int]] = []
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    bucket = place_at(
        POOL, Roots((), [bucket_url(POOL)]), listed=lambda n_images: counts.append((time.monotonic(), n_images))
    )
    there = bucket.has_an_image()
    first = time.monotonic() - begun
    pool = list_pool(bucket)
    seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    grown_mb = (used.ru_maxrss - before.ru_maxrss) // 1024
    silent_s = max(later - earlier for (earlier, _), (later, _) in pairwise(counts))
    print(f"{len(pool):,} images; whether there is one ({there}) is known after {first:.2f} s")
    print(f"listed in {seconds - first:.1f} s ({cpu_s:.1f} s of a CPU); memory grew by {grown_mb:,} MB at most")
    print(f"counted {len(counts):,} times, at most {silent_s:.2f} s apart, the last time {counts[-1][1]:,}")


class _Server:
    """Lists made-up keys, in their order."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._keys = [f"pool/camera-{i // 10_000:03}/{i:07}.jpg" for i in range(arguments.keys)]
        self._delay_s, self._lose_every = arguments.latency_ms / 1e3, arguments.lose_every
        self._answers = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
                await asyncio.sleep(self._delay_s)
                body = self._page(query)
                said = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
                self._answers += 1
                if self._lose_every and self._answers % self._lose_every == 0:
                    writer.write(said.encode() + body[: len(body) // 2])
                    break
                writer.write(said.encode() + body)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def _page(self, query: dict[str, list[str]]) -> bytes:
        if begin := query.get("continuation-token"):
            start = int(begin[0])
        elif after := query.get("start-after"):
            start = int(after[0].rpartition("/")[2].removesuffix(".jpg")) + 1
        else:
            start = 0
        end = min(start + PAGE, len(self._keys))
        objects = "".join(OBJECT.format(self._keys[row], row) for row in range(start, end))
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{end}</NextContinuationToken>"
        rest = more if end < len(self._keys) else "<IsTruncated>false</IsTruncated>"
        return f"<?xml version='1.0'?><ListBucketResult>{rest}{objects}</ListBucketResult>".encode()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--lose-every", type=int, default=0, metavar="ANSWERS")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
