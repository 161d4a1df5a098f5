"""What embeds texts among a small backbone's images, small itself: it knows the texts that it is taught."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from nextlabel.core.embeddings.catalogue import TextSide
from nextlabel.core.neural.texts import LAYERS, PART, RENAMED, Texts, TextTower

NAME = "test_vit.r160_in1k"  # of timm's, 64 numbers an image
HEADS, PLACES, SCALE = 2, 32, 10.0
SIDE = TextSide("nobody/nothing", HEADS)


def write(folder: Path, backbone: str, taught: Mapping[str, NDArray[np.float32]]) -> None:
    """Write its two files. Each of the texts is embedded at its (d,) numbers."""
    words = vocabulary(taught)
    (width,) = next(iter(taught.values())).shape
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        tower = TextTower(words.get_piece_size(), PLACES, width, 2 * width, 2, HEADS).eval()
    tower.requires_grad_(requires_grad=False)
    tower.head.load_state_dict({"weight": torch.eye(width), "bias": torch.zeros(width)})
    before = tower(torch.tensor([Texts(tower, words, 1, "").tokens(text) for text in taught]))
    after = torch.from_numpy(np.stack(list(taught.values())))
    tower.head.weight.copy_(torch.linalg.lstsq(before, after, driver="gelsd").solution.T)
    tensors = {**as_published(tower), "logit_scale": torch.tensor([SCALE]).log(), "logit_bias": torch.zeros(1)}
    save_file(tensors, folder / f"{backbone}.text.safetensors")
    (folder / f"{backbone}.text.model").write_bytes(words.serialized_model_proto())


def vocabulary(texts: Mapping[str, object]) -> Any:
    """Train one that can spell these texts, with the ends of SigLIP's. Skips where sentencepiece, an extra, is not."""
    sentencepiece = pytest.importorskip("sentencepiece")
    model, sentences = io.BytesIO(), [*texts, "this is a photo of"] * 9
    options = {"vocab_size": 60, "model_type": "char", "hard_vocab_limit": False, "minloglevel": 9}
    ends = {"pad_id": -1, "bos_id": -1, "eos_id": 1, "unk_id": 2}
    train = sentencepiece.SentencePieceTrainer.train
    train(sentence_iterator=iter(sentences), model_writer=model, **options, **ends)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def as_published(tower: TextTower) -> dict[str, torch.Tensor]:
    """Name its tensors as the publisher does."""
    named = {"embeddings.token_embedding.weight": tower.tokens.weight}
    named["embeddings.position_embedding.weight"] = tower.positions.weight
    own = tower.state_dict()
    for kind in ("weight", "bias"):
        named[f"final_layer_norm.{kind}"], named[f"head.{kind}"] = own[f"encoder.norm.{kind}"], own[f"head.{kind}"]
        for i in range(2):
            for one, part in zip("qkv", own[f"{LAYERS}{i}.self_attn.in_proj_{kind}"].chunk(3), strict=True):
                named[f"{LAYERS}{i}.self_attn.{one}_proj.{kind}"] = part
            for ours, theirs in RENAMED.items():
                named[f"{LAYERS}{i}.{theirs}.{kind}"] = own[f"{LAYERS}{i}.{ours}.{kind}"]
    return {PART + name: tensor.contiguous() for name, tensor in named.items()}
