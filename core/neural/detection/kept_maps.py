"""What frozen networks saw of images, on the cache's disk: a light head that is trained again looks at no pixel."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save

from nextlabel.core.data.pool import Pool
from nextlabel.core.disk import write_whole
from nextlabel.core.neural.detection.frozen import Maps
from nextlabel.core.neural.detection.letterbox import Small

MOST_BYTES = 2 << 30  # some 3,300 images of YOLOX-nano and mobilenet, 0.65 MB each; those unused for longest go
OF_A_PASS = 0.75  # of these, what one pass over images may take: the labelled ones, 500 at most, stay beside
OVER = 1 / 8  # of these, what may come to lie beyond them while images are looked at
VERSION = "2"  # counts changes to how images become maps


class KeptMaps:
    """Keeps the maps of images, a file each, in a folder: in one pass over images, as many as fit, so that the next one
    finds these. A torn or foreign file is as none.

    by: everything besides the image that its maps depend on.
    """

    def __init__(self, folder: Path, by: str) -> None:
        self._folder, self._by = folder, f"{VERSION}\0{by}"
        self._passed, self._untrimmed = 0, 0  # bytes

    def get(self, pool: Pool, row: int) -> tuple[Small, Maps] | None:
        """Return what is kept of the row's image, and that image without its pixels."""
        path = self._path(pool, row)
        try:
            with safetensors.safe_open(path, "np") as file:
                said = (file.metadata() or {})["size"]
                told = {name: file.get_tensor(name) for name in sorted(file.keys())}
            os.utime(path)
            self._passed += path.stat().st_size
            detector, backbone = ([told[name] for name in told if name.startswith(of)] for of in ("said", "seen"))
            return without_pixels(*map(int, said.split())), Maps(detector, backbone, told["features"])
        except (OSError, KeyError, ValueError, TypeError, safetensors.SafetensorError):
            return None

    def keep(self, pool: Pool, row: int, image: Small, maps: Maps) -> None:
        """Write them, where this pass has room left. Raises OSError."""
        n_bytes = sum(one.nbytes for one in (*maps.said, *maps.seen, maps.features))
        if self._passed + n_bytes > OF_A_PASS * MOST_BYTES:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        height, width = image.pixels.shape[:2]
        size = f"{height} {width} {image.width} {image.height}"
        told = {f"{of}{i}": one for of in ("said", "seen") for i, one in enumerate(getattr(maps, of))}
        content = save({**told, "features": maps.features}, {"size": size})
        write_whole(self._path(pool, row), content, durable=False)
        self._passed += len(content)
        self._untrimmed += len(content)
        if self._untrimmed > OVER * MOST_BYTES:
            self.trim()

    def trim(self) -> None:
        """Let go of those not used for longest, as far as there is too much."""
        self._untrimmed = 0
        files = [(status.st_mtime_ns, status.st_size, path) for path, status in _listed(self._folder)]
        there = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if there <= MOST_BYTES:
                break
            path.unlink(missing_ok=True)
            there -= size

    def _path(self, pool: Pool, row: int) -> Path:
        said = f"{self._by}\0{pool.place.key}\0{pool.names[row]}\0{pool.stamps[row]}"
        digest = hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{digest[:40]}.safetensors"


def without_pixels(height: int, width: int, of_width: int, of_height: int) -> Small:
    """Make an image of `of_width` x `of_height` pixels, made `width` x `height`, of which only its sizes are known."""
    return Small(np.broadcast_to(np.uint8(0), (height, width, 3)), of_width, of_height)


def _listed(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.glob("*.safetensors"):
        try:
            found.append((path, path.stat()))
        except OSError:  # another job let go of it
            continue
    return found
