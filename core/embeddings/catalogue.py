"""Which backbones exist, by name alone: no torch, no timm, so that the API can refuse a misspelt one.

`timm_names.txt` lists what the pinned timm has (`make timm-names` rewrites it, a test compares).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16", "int8"]


@dataclass(frozen=True)
class BackboneSpec:
    """What a name stands for.

    image_size: None: the size the weights were made for.
    precision: the narrowest on a CPU that was shown to teach as much as float32 does (docs/precision.md).
    """

    name: str
    timm_name: str | None
    summary: str
    image_size: int | None = None
    precision: Precision = "float32"

    @property
    def needs_weights(self) -> bool:
        return self.timm_name is not None

    @property
    def weights_file_name(self) -> str | None:
        """Return the name that the file in `NEXTLABEL_WEIGHTS_DIR` must have; None where there are no weights."""
        return f"{self.timm_name}.safetensors" if self.timm_name else None

    @property
    def text_side(self) -> TextSide | None:
        """Return what embeds texts among its images; None where nothing does."""
        return TEXT_SIDES.get(self.timm_name or "")

    @property
    def text_file_names(self) -> tuple[str, str]:
        """Return the names that weights and vocabulary for texts must have in `NEXTLABEL_WEIGHTS_DIR`."""
        return f"{self.timm_name}.text.safetensors", f"{self.timm_name}.text.model"


@dataclass(frozen=True)
class TextSide:
    """The network that embeds texts where a backbone embeds images, as it was published with it.

    hub: the repository that has its files. heads: of its attention, which the file doesn't tell.
    """

    hub: str
    heads: int


WEIGHTS_OF_TEXTS, WORDS_OF_TEXTS = "model.safetensors", "spiece.model"  # its files in that repository

TEXT_SIDES: dict[str, TextSide] = {
    f"vit_{timm_name}.webli": TextSide(f"google/{hub}", heads)
    for timm_name, hub, heads in (
        ("base_patch16_siglip_224", "siglip-base-patch16-224", 12),
        ("base_patch16_siglip_256", "siglip-base-patch16-256", 12),
        ("base_patch16_siglip_384", "siglip-base-patch16-384", 12),
        ("base_patch16_siglip_512", "siglip-base-patch16-512", 12),
        ("large_patch16_siglip_256", "siglip-large-patch16-256", 16),
        ("large_patch16_siglip_384", "siglip-large-patch16-384", 16),
        ("so400m_patch14_siglip_224", "siglip-so400m-patch14-224", 16),
        ("so400m_patch14_siglip_384", "siglip-so400m-patch14-384", 16),
    )
}
DESCRIPTOR = "descriptor"

SHORT_NAMES: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        BackboneSpec("b0", "efficientnet_b0", "EfficientNet-B0, the first version's default; 1,280 numbers an image."),
        BackboneSpec("resnet50", "resnet50", "ResNet-50; 2,048 numbers an image."),
        BackboneSpec(
            "mobilenet",
            "mobilenetv2_100",
            "MobileNetV2, the quickest on a CPU; 1,280 numbers an image.",
            precision="bfloat16",
        ),
        BackboneSpec(
            "dinov2",
            "vit_small_patch14_dinov2.lvd142m",
            "DINOv2 ViT-S/14, self-supervised, at 224 px: the best start for most photos; 384 numbers an image.",
            image_size=224,
        ),
        BackboneSpec("dinov3", "vit_small_patch16_dinov3.lvd1689m", "DINOv3 ViT-S/16; 384 numbers an image."),
        BackboneSpec(
            "siglip", "vit_base_patch16_siglip_224.webli", "SigLIP ViT-B/16, image and text; 768 numbers an image."
        ),
        BackboneSpec(
            DESCRIPTOR,
            None,
            "Built in, needs no weights: gradient histograms and colour. For a first try without a network; "
            "any pretrained backbone is far better on photos.",
        ),
    )
}


def find_backbone(name: str) -> BackboneSpec:
    """Find what a short name or a timm name stands for.

    Raises ValueError, which gives the short names and the timm names that look alike.
    """
    if name in SHORT_NAMES:
        return SHORT_NAMES[name]
    if name in timm_names():
        return BackboneSpec(name, name, "A timm model.")
    alike = difflib.get_close_matches(name, [*SHORT_NAMES, *timm_names()], n=3)
    hint = f" Did you mean {', '.join(alike)}?" if alike else ""
    raise ValueError(
        f"there is no backbone {name!r}; there are {', '.join(SHORT_NAMES)}, and any timm model name.{hint}"
    )


def is_backbone(name: object) -> bool:
    """Say whether it is the name of a backbone."""
    return isinstance(name, str) and (name in SHORT_NAMES or name in timm_names())


def knows_texts(name: object) -> bool:
    """Say whether it is the name of a backbone among whose images texts are embedded."""
    return isinstance(name, str) and is_backbone(name) and find_backbone(name).text_side is not None


KNOW_TEXTS = ", ".join(name for name, spec in SHORT_NAMES.items() if spec.text_side)


def weights_in(spec: BackboneSpec, weights_dir: Path | None) -> Path | None:
    """Return the backbone's weights file in `weights_dir`; None where it is not there."""
    if weights_dir is None or spec.weights_file_name is None:
        return None
    path = weights_dir / spec.weights_file_name
    return path if path.is_file() else None


@cache
def timm_names() -> frozenset[str]:
    return frozenset(files("nextlabel.core.embeddings").joinpath("timm_names.txt").read_text().split())
