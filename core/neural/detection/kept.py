"""Detectors that were trained once, on the cache's disk: the prediction after a selection trains nothing."""

from __future__ import annotations

import json
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
from nextlabel.core.neural.detection.training import Trained

MOST_KEPT = 20  # of 4 MB each, or some 40 of a large one
VERSION = "7"  # counts changes to what is trained, and how
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
            return Trained(network.eval(), calibration, **said, namer=CropHead(**namer) if namer else None)
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

    def keep(self, key: str, trained: Trained) -> None:
        """Write it, and let go of those not used for longest. Raises OSError."""
        tensors = trained.network.state_dict()
        if trained.namer is not None:
            tensors |= {NAMER + name: torch.from_numpy(getattr(trained.namer, name)) for name in CROP_HEAD}
        self.write(key, tensors, trained.said())

    def write(self, key: str, tensors: dict[str, Tensor], said: dict[str, Any]) -> None:
        """Write tensors and what is said of them, as `keep` does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(key), save(tensors, {"trained": json.dumps(said)}), durable=False)
        files = sorted(self._folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST_KEPT]:
            file.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"
