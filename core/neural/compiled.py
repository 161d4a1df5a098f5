"""Networks as OpenVINO compiled them, kept on disk: reading one takes a tenth of a second, making one some seconds.

A file holds the network, and what it makes of a batch of noise. It is written whole or not at all, and used only where
what was read makes the same of that noise. So a damaged file, or another machine's, is made anew.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.disk import make_private, whole_file

LAYOUT = 1
MOST = 12  # networks; those used last stay


@dataclass(frozen=True)
class KeptNetwork:
    """The file of one network.

    folder: of all that are kept. name: of the network, its weights and preprocessing.
    """

    folder: Path
    name: str

    def read(self, state: object) -> tuple[bytes, NDArray[np.float32]] | None:
        """Return the network, and what it made of the noise, (n, d); None where there is none, or none that is whole.

        state: what else it depends on: versions, options, the CPU.
        """
        path = self._path(state)
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                network, expected = file["network"].tobytes(), np.asarray(file["expected"], np.float32)
            os.utime(path)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return network, expected

    def write(self, state: object, network: bytes, expected: NDArray[np.float32]) -> None:
        """Keep a network. Where it can't be written, the next process makes it anew."""
        with suppress(OSError):
            make_private(self.folder)
            with whole_file(self._path(state), private=True, shared=True) as file:
                np.savez(file, network=np.frombuffer(network, np.uint8), expected=expected)
            used = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
            for path in used[:-MOST]:
                path.unlink(missing_ok=True)

    def _path(self, state: object) -> Path:
        digest = blake2b(json.dumps([LAYOUT, self.name, state]).encode(), digest_size=16).hexdigest()
        readable = re.sub(r"[^A-Za-z0-9_.-]", "_", self.name.partition(" ")[0])[:64].lstrip(".")
        return self.folder / f"{readable}-{digest}.npz"
