import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from nextlabel.core.embeddings.catalogue import TEXT_SIDES, find_backbone
from nextlabel.core.errors import WeightsMismatch, WeightsUnavailable
from nextlabel.core.neural.texts import EPS, load_texts, load_words, strange
from nextlabel.core.settings import Settings
from tests import text_side
from tests.text_side import NAME

TAUGHT = {"red": np.array([1, 0, 0, 1], np.float32), "a blue sky": np.array([0, 2, 0, 0], np.float32)}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setitem(TEXT_SIDES, NAME, text_side.SIDE)
    text_side.write(tmp_path, NAME, TAUGHT)
    return Settings(weights_dir=tmp_path, hub_timeout_s=0.1)


def load(settings):
    return load_texts(find_backbone(NAME), settings)


def test_texts_lie_where_they_belong_among_images(settings):
    texts = load(settings)
    assert texts.embed(list(TAUGHT)) == pytest.approx(np.array([[0.5**0.5, 0, 0, 0.5**0.5], [0, 1, 0, 0]]), abs=1e-3)
    images = np.array([[0, 9, 0, 0], [3, 0, 0, 3], [0, 0, 0, 0]], np.float32)
    directions = texts.directions(["red", "a blue sky"])
    assert directions.cosines(images) == pytest.approx(np.array([[0, 1], [1, 0], [0, 0]]), abs=1e-3)
    assert directions.cosines(images, np.array([1, 2])) == pytest.approx(np.array([[1, 0], [0, 0]]), abs=1e-3)
    assert texts.scale == pytest.approx(text_side.SCALE)


def test_a_text_is_read_in_small_letters_without_punctuation_and_as_far_as_there_are_places(settings):
    texts = load(settings)
    assert texts.tokens("Red!") == texts.tokens("  red ") != texts.tokens("blue")
    assert len(texts.tokens("")) == len(texts.tokens("red " * 99)) == text_side.PLACES
    assert texts.tokens("red " * 99)[-1] == texts.tokens("")[0] == texts.words.piece_to_id("</s>")


def test_what_can_not_be_spelt_is_strange(settings):
    words = load_words(find_backbone(NAME), settings)
    assert strange(words, ["red", "красный", "red 紅", "?!"]) == ["красный", "red 紅", "?!"]


def test_it_computes_what_a_transformer_written_out_by_hand_does(settings, tmp_path):
    """Of the file's tensors, by their published names: attention, then a perceptron, each after a norm and added."""
    file = tmp_path / f"{NAME}.text.safetensors"
    save_file({**load_file(file), "text_model.head.weight": torch.eye(4)}, file)  # what is taught is ill-conditioned
    layer = {key.removeprefix("text_model."): value for key, value in load_file(file).items()}
    texts = load(settings)

    def by(name, x):
        return nn.functional.linear(x, layer[f"{name}.weight"], layer[f"{name}.bias"])

    def norm(name, x):
        return nn.functional.layer_norm(x, (4,), layer[f"{name}.weight"], layer[f"{name}.bias"], EPS)

    x = layer["embeddings.token_embedding.weight"][texts.tokens("red")] + layer["embeddings.position_embedding.weight"]
    for i in range(2):
        at = f"encoder.layers.{i}"
        y = norm(f"{at}.layer_norm1", x)
        q, k, v = (by(f"{at}.self_attn.{one}_proj", y).reshape(-1, 2, 2).movedim(1, 0) for one in "qkv")
        seen = (q @ k.mT / 2**0.5).softmax(-1) @ v
        x = x + by(f"{at}.self_attn.out_proj", seen.movedim(0, 1).reshape(-1, 4))
        y = by(f"{at}.mlp.fc1", norm(f"{at}.layer_norm2", x))
        x = x + by(f"{at}.mlp.fc2", nn.functional.gelu(y, approximate="tanh"))
    told = by("head", norm("final_layer_norm", x)[-1])
    assert texts.embed(["red"])[0] == pytest.approx((told / told.norm()).numpy(), abs=1e-5)


def test_files_that_are_missing_are_named_with_where_they_belong(settings, tmp_path):
    (tmp_path / f"{NAME}.text.safetensors").unlink()
    with pytest.raises(WeightsUnavailable, match=r"model\.safetensors of nobody/nothing.* as test_vit\."):
        load(settings)
    (tmp_path / f"{NAME}.text.model").unlink()
    with pytest.raises(WeightsUnavailable, match=r"spiece\.model of nobody/nothing"):
        load(settings)


def test_files_of_another_network_are_refused(settings, tmp_path):
    file = tmp_path / f"{NAME}.text.safetensors"
    tensors = load_file(file)
    short = tensors["text_model.embeddings.token_embedding.weight"][:-1].clone()
    save_file({**tensors, "text_model.embeddings.token_embedding.weight": short}, file)
    with pytest.raises(WeightsMismatch, match="the vocabulary has"):
        load(settings)
    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(WeightsMismatch, match="does not fit the texts of"):
        load(settings)
    (tmp_path / f"{NAME}.text.model").write_bytes(b"no vocabulary")
    with pytest.raises(WeightsMismatch, match="no vocabulary"):
        load(settings)
