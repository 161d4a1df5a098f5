"""Texts where a backbone's images are: SigLIP's other network, which was trained beside it.

Both of its files are the publisher's, as they are: `model.safetensors`, of which the part for texts is read, and
`spiece.model`, its vocabulary. docs/texts.md says where they belong.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from nextlabel.core.embeddings.catalogue import WEIGHTS_OF_TEXTS, WORDS_OF_TEXTS, BackboneSpec, TextSide
from nextlabel.core.errors import WeightsMismatch, WeightsUnavailable
from nextlabel.core.methods.geometry import slices
from nextlabel.core.neural.hub import cached_file, digest_of_file, from_hub
from nextlabel.core.neural.training import Floats, Integers
from nextlabel.core.settings import Settings

EPS, TINY = 1e-6, 1e-30
AT_ONCE = 64  # texts
END = "</s>"  # ends a text, and fills the places that it leaves
PUNCTUATION = str.maketrans("", "", string.punctuation)
PART = "text_model."  # what the names of its tensors begin with
LAYERS = "encoder.layers."


@dataclass(frozen=True, eq=False)
class Directions:
    """Where T texts lie among a backbone's images: unit vectors (T, d). scale, weights: those of `Texts`."""

    units: Floats
    scale: float
    weights: str

    def cosines(self, embeddings: Floats, rows: Integers | None = None) -> Floats:
        """Return the cosine of the angle between images' embeddings (N, d) and each text: (N, T), or (K, T) of rows."""
        count = len(embeddings) if rows is None else len(rows)
        cosines = np.empty((count, len(self.units)), np.float32)
        for part in slices(count):
            taken = embeddings[part] if rows is None else embeddings[rows[part]]
            cosines[part] = _at_unit_length(taken) @ self.units.T
        return cosines

    @classmethod
    def join(cls, parts: Sequence[Directions]) -> Directions:
        """Put those of several texts, of one network, after each other."""
        return replace(parts[0], units=np.concatenate([one.units for one in parts]))

    def at(self, texts: Sequence[int]) -> Directions:
        """Take those of some of the texts."""
        return replace(self, units=self.units[texts])


@dataclass(frozen=True, eq=False)
class Texts:
    """Embeds texts among a backbone's images.

    scale: what cosines of texts and an image are multiplied by, to be logits of which text it fits.
    weights: the digest of its file.
    """

    tower: TextTower
    words: Any
    scale: float
    weights: str

    def directions(self, texts: Sequence[str]) -> Directions:
        """Say where the texts lie among the images."""
        return Directions(self.embed(texts), self.scale, self.weights)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (T, d)."""
        tokens = [self.tokens(text) for text in texts]
        parts = [torch.tensor(tokens[start : start + AT_ONCE]) for start in range(0, len(tokens), AT_ONCE)]
        return _at_unit_length(np.concatenate([self.tower(part).numpy() for part in parts]))

    def tokens(self, text: str) -> list[int]:
        """Spell a text: (places,), of which one at least is its end."""
        spelt: list[int] = self.words.encode(_plain(text))
        end, places = self.words.piece_to_id(END), self.tower.positions.num_embeddings
        return spelt[: places - 1] + [end] * max(1, places - len(spelt))


def _plain(text: str) -> str:
    """Write a text as those that the network was trained on: in small letters, without punctuation."""
    return re.sub(r"\s+", " ", text.lower().translate(PUNCTUATION)).strip()


def _at_unit_length(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, TINY), np.float32)


class TextTower(nn.Module):
    """A transformer over the tokens of a text, whose last place comes to tell all of it: (B, places) -> (B, d)."""

    def __init__(self, words: int, places: int, width: int, inner: int, layers: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(words, width), nn.Embedding(places, width)
        gelu = partial(nn.functional.gelu, approximate="tanh")  # nn.GELU("tanh") is fused as if it were the exact one
        layer = nn.TransformerEncoderLayer(width, heads, inner, 0.0, gelu, EPS, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width, EPS), enable_nested_tensor=False)
        self.head = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        told: Tensor = self.head(self.encoder(self.tokens(tokens) + self.positions.weight)[:, -1])
        return told


def text_files(spec: BackboneSpec, settings: Settings) -> tuple[Path, Path]:
    """Find the vocabulary of a backbone that knows texts, and the weights that embed these. Raises WeightsUnavailable,
    which says what to do.
    """
    side = spec.text_side
    assert side is not None
    return _file(spec, side, WORDS_OF_TEXTS, settings), _file(spec, side, WEIGHTS_OF_TEXTS, settings)


def load_words(spec: BackboneSpec, settings: Settings) -> Any:
    """Load that backbone's vocabulary alone, a hundredth of what `load_texts` reads. Raises what that does."""
    return _vocabulary(text_files(spec, settings)[0])


def strange(words: Any, texts: Sequence[str]) -> list[str]:
    """List the texts with something in them that a vocabulary has not: what is made of these means nothing."""
    unknown = words.unk_id()
    return [text for text in texts if not (spelt := words.encode(_plain(text))) or unknown in spelt]


def load_texts(spec: BackboneSpec, settings: Settings) -> Texts:
    """Load what embeds texts among that backbone's images, which has such a side.

    Raises WeightsUnavailable, which says what to do, and WeightsMismatch for files of another network.
    """
    assert spec.text_side is not None
    vocabulary, weights = text_files(spec, settings)
    words = _vocabulary(vocabulary)
    try:
        with safe_open(weights, "pt") as file:
            tensors = {
                name.removeprefix(PART): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - no mapping
                if name.startswith(PART)
            }
            scale = float(file.get_tensor("logit_scale").exp())
        tower = _tower(tensors, spec.text_side.heads, words.get_piece_size())
    except Exception as error:  # whatever a foreign file leads to
        why = " ".join(str(error).split())[:300]
        raise WeightsMismatch(f"{weights.name} does not fit the texts of {spec.name}: {why}") from error
    return Texts(tower.eval(), words, scale, digest_of_file(weights))


def _tower(tensors: Mapping[str, Tensor], heads: int, in_vocabulary: int) -> TextTower:
    """Make the network of tensors that are named as they were published. Raises ValueError for another vocabulary's."""
    words, width = tensors["embeddings.token_embedding.weight"].shape
    if words != in_vocabulary:
        raise ValueError(f"it knows {words:,} words, and the vocabulary has {in_vocabulary:,}")
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith(LAYERS))
    places, inner = len(tensors["embeddings.position_embedding.weight"]), len(tensors[f"{LAYERS}0.mlp.fc1.weight"])
    with torch.device("meta"):
        tower = TextTower(words, places, width, inner, layers, heads)
    tower.load_state_dict(_as_ours(tensors, layers), assign=True)
    return tower


def _as_ours(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    found = {
        "tokens.weight": tensors["embeddings.token_embedding.weight"],
        "positions.weight": tensors["embeddings.position_embedding.weight"],
    }
    for kind in ("weight", "bias"):
        found[f"encoder.norm.{kind}"] = tensors[f"final_layer_norm.{kind}"]
        found[f"head.{kind}"] = tensors[f"head.{kind}"]
        for i in range(layers):
            ours, theirs = f"{LAYERS}{i}.", f"{LAYERS}{i}."
            asked = [tensors[f"{theirs}self_attn.{one}_proj.{kind}"] for one in "qkv"]
            found[f"{ours}self_attn.in_proj_{kind}"] = torch.cat(asked)
            for one, other in RENAMED.items():
                found[f"{ours}{one}.{kind}"] = tensors[f"{theirs}{other}.{kind}"]
    return found


RENAMED = {
    "self_attn.out_proj": "self_attn.out_proj",
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "linear1": "mlp.fc1",
    "linear2": "mlp.fc2",
}


def _vocabulary(path: Path) -> Any:
    try:
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise WeightsUnavailable("texts are spelt by sentencepiece: pip install 'nextlabel[text]'") from None
    try:
        words = SentencePieceProcessor(model_file=str(path))
    except Exception as error:
        raise WeightsMismatch(f"{path.name} is no vocabulary of sentencepiece: {error}") from error
    if words.piece_to_id(END) == words.unk_id():
        raise WeightsMismatch(f"{path.name} is the vocabulary of another network: it has no {END}")
    return words


def texts_are_here(spec: BackboneSpec, settings: Settings) -> bool:
    """Say whether both files of that backbone's texts are on this machine."""
    side = spec.text_side
    return side is not None and all(
        _here(spec, side, published, settings) for published in (WORDS_OF_TEXTS, WEIGHTS_OF_TEXTS)
    )


def _file(spec: BackboneSpec, side: TextSide, published: str, settings: Settings) -> Path:
    """Find one of its files, on this machine or on the hub."""
    if (path := _here(spec, side, published, settings)) is not None:
        return path
    folder = settings.weights_dir or "not set"
    remedy = (
        f"put {published} of {side.hub} into NEXTLABEL_WEIGHTS_DIR ({folder}) as {_our_name(spec, published)}, or give "
        "the worker access to the Hugging Face hub"
    )
    what = f"{published} of {side.hub}, by which texts are embedded among the images of {spec.name}, is"
    return from_hub(side.hub, published, what, remedy, settings)


def _here(spec: BackboneSpec, side: TextSide, published: str, settings: Settings) -> Path | None:
    """Find one of its files in the weights folder, by our name of it, or in the hub's cache."""
    if settings.weights_dir is not None and (path := settings.weights_dir / _our_name(spec, published)).is_file():
        return path
    return cached_file(side.hub, published)


def _our_name(spec: BackboneSpec, published: str) -> str:
    return dict(zip((WEIGHTS_OF_TEXTS, WORDS_OF_TEXTS), spec.text_file_names, strict=True))[published]
