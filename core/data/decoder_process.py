"""A process that decodes the images it is handed, and is ended by the system where one takes too much.

`python -m nextlabel.core.data.decoder_process SECONDS MEGABYTES`, with a socket for its standard input: open files come
in, pixels go out (core/data/decoder.py is at the other end). It ends when the other end does.
"""

from __future__ import annotations

import re
import resource
import signal
import socket
import sys
from contextlib import suppress
from enum import IntEnum
from io import BufferedReader
from pathlib import Path
from struct import Struct

from PIL import AvifImagePlugin, Image

from nextlabel.core.data.images import decode
from nextlabel.core.errors import UnreadableImage

REQUEST = Struct("<qii")  # most pixels, draft size, side to shrink to; a file comes with it
ANSWER = Struct("<BBIIQ")  # outcome, remarks, width, height, bytes that follow: pixels, or words
WITHOUT = -1
SPARE_S = 5.0
LIMITS = {"VmSize": resource.RLIMIT_AS, "VmData": resource.RLIMIT_DATA}
ROWS_OF_PIXELS = 1_000_000  # that are sent at once: all pixels in one piece would be a second copy of them


class Outcome(IntEnum):
    """What became of an image."""

    DECODED = 0
    UNREADABLE = 1
    NO_MEMORY = 2


def main(seconds: float, megabytes: int) -> None:
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there are as many helpers as may be busy
    _limit_memory(megabytes)
    connection = socket.socket(fileno=0)
    connection.sendall(b"!")
    while True:
        request, files, _, _ = socket.recv_fds(connection, REQUEST.size, 1)
        if not request:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds + SPARE_S)  # should nobody be left to end it
        with open(files[0], "rb") as file:  # noqa: PTH123 -- a Path can't be made of a descriptor
            _answer(connection, file, *REQUEST.unpack(request))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(connection: socket.socket, file: BufferedReader, max_pixels: int, draft_size: int, within: int) -> None:
    file.seek(0)
    try:
        image, remarks = decode(file, max_pixels=max_pixels, draft_size=None if draft_size == WITHOUT else draft_size)
        if within != WITHOUT:
            image.thumbnail((within, within), Image.Resampling.LANCZOS)
    except MemoryError:
        connection.sendall(ANSWER.pack(Outcome.NO_MEMORY, 0, 0, 0, 0))
        return
    except UnreadableImage as error:
        words = error.detail.encode()
        connection.sendall(ANSWER.pack(Outcome.UNREADABLE, 0, 0, 0, len(words)) + words)
        return
    width, height = image.size
    connection.sendall(ANSWER.pack(Outcome.DECODED, remarks, width, height, width * height * 3))
    rows = max(1, ROWS_OF_PIXELS // width)
    for top in range(0, height, rows):
        connection.sendall(image.crop((0, top, width, min(height, top + rows))).tobytes())


def _limit_memory(megabytes: int) -> None:
    """Let the process take so much more than it has, where the system counts that."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):
        has = re.findall(r"^(VmSize|VmData):\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        for name, kilobytes in has:
            limit = int(kilobytes) * 1024 + megabytes * 1_000_000
            resource.setrlimit(LIMITS[name], (limit, limit))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
