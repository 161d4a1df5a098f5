"""Detectors that were trained once, on the cache's disk: the prediction after a selection trains nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from nextlabel.core.disk import write_whole
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.detection.crop_classifier import CropHead
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.training import Began, Trained

MOST_KEPT = 20  # of 4 MB each, or some 40 of a large one
VERSION = "7"  # counts changes to what is trained, and how
LESSONS = "lessons"
NAMER, CROP_HEAD = "namer.", ("weights", "bias")


class KeptDetectors:
    """Keeps trained detectors in a folder, those used last. A torn or foreign file is as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, n_classes: int) -> Trained | None:
        """Return what is kept under the key, which must tell everything that it was trained by."""
        if (known := self.read(key)) is None:
            return None
        tensors, said = known
        try:
            network = Yolox(n_classes, **said.pop("shape"))
            namer = {name: tensors.pop(NAMER + name).numpy() for name in CROP_HEAD if NAMER + name in tensors}
            network.load_state_dict(tensors)
            calibration = Calibration.heard(said.pop("calibration"))
            began = Began(**said.pop("began")) if "began" in said else None
            head = CropHead(**namer) if namer else None
            return Trained(network=network.eval(), calibration=calibration, **said, namer=head, began=began)
        except (KeyError, ValueError, TypeError, RuntimeError):
            return None

    def read(self, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the tensors that are kept under the key, and what is said of them."""
        path = self._path(key)
        try:
            with safetensors.safe_open(path, "pt") as file:
                said = json.loads((file.metadata() or {})["trained"])
            tensors = load_file(path)
            path.touch()
        except (OSError, KeyError, ValueError, TypeError, safetensors.SafetensorError):
            return None
        return tensors, said

    def lessons(self) -> dict[str, dict[str, Any]]:
        """Return by key what is kept of the lessons of each detector, as `keep` was given them; of some, nothing is.

        The one used last comes first.
        """
        known: dict[str, dict[str, Any]] = {}
        for path in self._files():
            try:
                with safetensors.safe_open(path, "pt") as file:
                    said = json.loads((file.metadata() or {}).get(LESSONS, "null"))
            except (OSError, ValueError, TypeError, safetensors.SafetensorError):
                continue
            if isinstance(said, dict):
                known[path.stem] = said
        return known

    def keep(self, key: str, trained: Trained, lessons: Mapping[str, Any] | None = None) -> None:
        """Write it, and let go of those not used for longest. Raises OSError.

        lessons: what it was trained by, as JSON can hold it, for those that go on from it.
        """
        tensors = trained.network.state_dict()
        if trained.namer is not None:
            tensors |= {NAMER + name: torch.from_numpy(getattr(trained.namer, name)) for name in CROP_HEAD}
        self.write(key, tensors, trained.said(), lessons)

    def write(
        self, key: str, tensors: dict[str, Tensor], said: dict[str, Any], lessons: Mapping[str, Any] | None = None
    ) -> None:
        """Write tensors and what is said of them, as `keep` does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        about = {"trained": json.dumps(said), **({} if lessons is None else {LESSONS: json.dumps(lessons)})}
        write_whole(self._path(key), save(tensors, about), durable=False)
        for file in self._files()[MOST_KEPT:]:
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        """Return the files, the one used last first."""
        return sorted(self._folder.glob("*.safetensors"), key=_used_ns, reverse=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"


def _used_ns(file: Path) -> int:
    """Return when it was used last, in nanoseconds; 0: another process let go of it meanwhile."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
