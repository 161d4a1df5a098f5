"""Decode images within limits of time and memory, whatever they turn out to be.

Nearly all are decoded right here. What may be dear (core/data/images.py tells) goes to a helper, a process of its own
(core/data/decoder_process.py), which is handed the open file, and is ended when it takes too long.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO

from PIL import Image

from nextlabel.core.data.decoder_process import ANSWER, REQUEST, WITHOUT, Outcome
from nextlabel.core.data.files import ImageFile
from nextlabel.core.data.images import Dear, Decoded, Remark, decode
from nextlabel.core.errors import UnreadableImage
from nextlabel.core.settings import Settings

END_S = 5.0
START_S = 60.0  # a helper imports numpy and Pillow first, on a machine that may be busy
# What a helper is told of this process: paths, and none of its passwords.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "HOME", "LANG", "TMPDIR")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class TooDear(UnreadableImage):
    """Decoding the image took more time or memory than is allowed, or ended the process that tried."""


class Decoder:
    """Decodes images for any number of threads. `close` ends its helpers."""

    def __init__(self, *, max_pixels: int, seconds: float, megabytes: int) -> None:
        """Take the limits. `seconds` and `megabytes` are for one image that is dear."""
        self.max_pixels = max_pixels
        self._seconds, self._megabytes = seconds, megabytes
        self._changing = threading.Lock()
        self._helpers: set[_Helper] = set()
        self._idle: list[_Helper] = []
        self._closed = False

    @classmethod
    def of(cls, settings: Settings) -> Decoder:
        """Make one with the limits of the settings."""
        return cls(max_pixels=settings.max_image_pixels, seconds=settings.decode_s, megabytes=settings.decode_memory_mb)

    def decode(self, stream: ImageFile, *, draft_size: int | None = None) -> Decoded:
        """Decode as images.decode does, dear images with a helper. Raises UnreadableImage."""
        try:
            return self.decode_cheap(stream, draft_size=draft_size)
        except Dear:
            return self.decode_dear(stream, draft_size=draft_size)

    def decode_cheap(self, stream: ImageFile, *, draft_size: int | None = None) -> Decoded:
        """Decode in this process. Raises Dear for what should not be, UnreadableImage."""
        return decode(stream, max_pixels=self.max_pixels, draft_size=draft_size, cheap=True)

    def decode_dear(self, stream: ImageFile, *, draft_size: int | None = None, within: int | None = None) -> Decoded:
        """Decode with a helper, and shrink what comes of it there until neither side is longer than `within`.

        Raises:
            TooDear: it took too long, or too much memory, or ended the helper.
            UnreadableImage
        """
        helper = self._take()
        try:
            return helper.decode(stream, self.max_pixels, draft_size, within)
        except BaseException as error:
            if isinstance(error, TooDear) or not isinstance(error, UnreadableImage):
                helper.end()  # else it is as good as before
            raise
        finally:
            self._give_back(helper)

    def close(self) -> None:
        """End all helpers; who waits for one gets TooDear."""
        with self._changing:
            self._closed = True
            for helper in self._helpers:
                helper.end()

    def _take(self) -> _Helper:
        with self._changing:
            if self._idle:
                return self._idle.pop()
            if self._closed:
                raise TooDear("decoding was stopped")
            helper = _Helper(self._seconds, self._megabytes)
            self._helpers.add(helper)
            return helper

    def _give_back(self, helper: _Helper) -> None:
        with self._changing:
            if helper.has_ended:
                self._helpers.discard(helper)
            elif not self._closed:
                self._idle.append(helper)


class _Helper:
    """A process that decodes one image at a time."""

    def __init__(self, seconds: float, megabytes: int) -> None:
        self._seconds, self._megabytes = seconds, megabytes
        self._socket, theirs = socket.socketpair()
        self._ready = False
        self.has_ended = False
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- it is this Python, and a module of ours
                [sys.executable, "-P", "-m", "nextlabel.core.data.decoder_process", str(seconds), str(megabytes)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | ONE_THREAD,
                process_group=0,  # Ctrl-C at a terminal is for the process that it helps
            )

    def decode(self, stream: ImageFile, max_pixels: int, draft_size: int | None, within: int | None) -> Decoded:
        try:
            if not self._ready:
                self._ready = bool(self._receive(1, time.monotonic() + START_S))
            until = time.monotonic() + self._seconds
            with _as_file(stream) as file:
                at = os.lseek(file.fileno(), 0, os.SEEK_CUR)  # the helper's file is this one, and moves with it
                request = REQUEST.pack(max_pixels, draft_size or WITHOUT, within or WITHOUT)
                socket.send_fds(self._socket, [request], [file.fileno()])
                try:
                    return self._answer(until)
                finally:
                    os.lseek(file.fileno(), at, os.SEEK_SET)
        except TimeoutError:
            raise TooDear(
                f"decoding it took longer than the {self._seconds:g} s that NEXTLABEL_DECODE_S allows"
            ) from None
        except OSError:  # it is gone
            raise TooDear("decoding it ended the process that tried") from None

    def _answer(self, until: float) -> Decoded:
        outcome, remarks, width, height, length = ANSWER.unpack(self._receive(ANSWER.size, until))
        content = self._receive(length, until)
        if outcome == Outcome.DECODED:
            image = Image.frombuffer("RGB", (width, height), content, "raw", "RGB", 0, 1)
            return Decoded(image, Remark(remarks))
        if outcome == Outcome.NO_MEMORY:
            raise TooDear(
                f"decoding it takes more memory than the {self._megabytes:,} MB that NEXTLABEL_DECODE_MEMORY_MB allows"
            )
        raise UnreadableImage(content.decode())

    def _receive(self, length: int, until: float) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            if not (count := self._socket.recv_into(view)):
                raise ConnectionResetError
            view = view[count:]
        return data

    def end(self) -> None:
        """End the process; whoever waits for its answer is told."""
        self.has_ended = True
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # reading from a disk that doesn't answer can't be ended
            self._process.wait(END_S)
        self._socket.close()


def _as_file(stream: ImageFile) -> BinaryIO:
    """Return a file with a descriptor, which may be closed without closing the image's."""
    if not isinstance(stream, BytesIO):
        return os.fdopen(os.dup(stream.fileno()), "rb", buffering=0)
    file = TemporaryFile()  # noqa: SIM115 -- the caller closes it
    file.write(stream.getbuffer())
    file.flush()
    return file
