import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from nextlabel.core.embeddings.catalogue import SHORT_NAMES, BackboneSpec, find_backbone
from nextlabel.core.errors import OutOfMemory, WeightsMismatch, WeightsUnavailable
from nextlabel.core.neural import backbones as module
from nextlabel.core.neural.backbones import BackboneLoader, device_is_lost
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels
from tests.image_files import decode

SMALL = ("test_efficientnet", "test_resnet", "test_vit", "test_convnext", "mobilenetv3_small_050")


@pytest.fixture
def weights(tmp_path):
    return tmp_path / "weights"


@pytest.fixture
def loader(weights):
    weights.mkdir()
    return BackboneLoader(Settings(weights_dir=weights), "cpu")


def write_weights(folder, name, *, seed=1, leave_out=(), architecture=None, **options):
    """A file of an untrained network, as good as any to tell whether it was loaded. -> that network's tensors."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        tensors = timm.create_model(architecture or name, **options).state_dict()
    kept = {key: value.contiguous() for key, value in tensors.items() if key not in leave_out}
    save_file(kept, folder / f"{name}.safetensors")
    return tensors


def photo(size=(200, 150), seed=0):
    """Smooth and coloured, as photos are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def embed(backbone, *images):
    return backbone.forward(np.stack([backbone.prepare(image) for image in images]))


def by_timm(name, tensors, images, **options):
    """What timm's own documentation does: its evaluation transform, then the network without its classifier."""
    model = timm.create_model(name, num_classes=0, **options)
    own = model.state_dict()
    model.load_state_dict({key: value for key, value in tensors.items() if key in own})
    model.eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        return model(torch.stack([transform(image) for image in images])).numpy()


# --- embeddings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_embeddings_are_those_of_timms_own_transform_and_network(loader, weights, name):
    tensors = write_weights(weights, name)
    images = [photo(seed=1), photo((150, 400), seed=2), photo((64, 64), seed=3)]
    ours, theirs = embed(loader.load(find_backbone(name)), *images), by_timm(name, tensors, images)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() > 0.9999
    assert np.abs(ours - theirs).max() < 5e-3 * np.abs(theirs).max()  # a pixel is a level of 255 off, now and then


@pytest.mark.parametrize("name", [*SMALL, "descriptor"])
def test_the_dimension_is_that_of_the_embeddings(loader, name):
    """timm's num_features is not: it says 288 of mobilenetv3_small_050, which puts out 1,024."""
    backbone = loader.load(find_backbone(name), "random")
    embeddings = embed(backbone, photo(), photo((30, 31)))
    assert embeddings.shape == (2, backbone.dimension)
    assert embeddings.dtype == np.float32


def test_another_image_size_reaches_both_the_transform_and_the_network(loader):
    spec = BackboneSpec("small", "vit_tiny_patch16_224", "", image_size=96)
    backbone = loader.load(spec, "random")
    assert backbone.prepare(photo()).shape == (96, 96, 3)
    assert embed(backbone, photo()).shape == (1, 192)
    assert "input_size=(3, 96, 96)" in backbone.preprocessing


def test_weights_made_for_another_image_size_are_adapted(loader, weights):
    write_weights(weights, "test_vit")
    whole = loader.load(find_backbone("test_vit"))
    backbone = loader.load(BackboneSpec("small", "test_vit", "", image_size=96))
    assert backbone.prepare(photo()).shape == (96, 96, 3)
    assert (backbone.weights, backbone.dimension) == (whole.weights, whole.dimension)
    assert backbone.preprocessing != whole.preprocessing


def test_every_short_name_stands_for_a_network_that_timm_has():
    known = set(timm.list_models())
    assert {spec.timm_name.partition(".")[0] for spec in SHORT_NAMES.values() if spec.timm_name} <= known


def test_an_embedding_does_not_depend_on_the_other_images_of_its_batch(loader):
    backbone = loader.load(find_backbone("test_efficientnet"), "random")
    images = [photo(seed=seed) for seed in range(5)]
    together = embed(backbone, *images)
    np.testing.assert_allclose(together[3:4], embed(backbone, images[3]), rtol=1e-4, atol=1e-6)


def test_images_are_prepared_alike_from_many_threads(loader):
    backbone = loader.load(find_backbone("test_resnet"), "random")
    alone = backbone.prepare(photo())
    prepared = []
    threads = [threading.Thread(target=lambda: prepared.append(backbone.prepare(photo()))) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all((pixels == alone).all() for pixels in prepared)


def test_the_digest_of_the_file_stands_for_the_weights(loader, weights):
    write_weights(weights, "test_resnet", seed=1)
    first = loader.load(find_backbone("test_resnet")).weights
    write_weights(weights, "test_resnet", seed=2)
    second = loader.load(find_backbone("test_resnet")).weights
    assert len({first, second}) == 2
    assert len(first) == len(second) == 16


def test_a_file_that_was_replaced_is_loaded_anew(loader, weights):
    write_weights(weights, "test_resnet", seed=1)
    before = loader.load(find_backbone("test_resnet"))
    assert loader.load(find_backbone("test_resnet")) is before
    tensors = write_weights(weights, "test_resnet", seed=2)
    after = loader.load(find_backbone("test_resnet"))
    np.testing.assert_allclose(embed(after, photo()), by_timm("test_resnet", tensors, [photo()]), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("n_classes", [0, 7])
def test_a_file_with_another_classifier_or_none_gives_the_same_embeddings(loader, weights, n_classes):
    tensors = write_weights(weights, "test_efficientnet", num_classes=n_classes)
    ours = embed(loader.load(find_backbone("test_efficientnet")), photo())
    np.testing.assert_allclose(ours, by_timm("test_efficientnet", tensors, [photo()]), rtol=1e-3, atol=1e-5)


def test_a_vit_that_was_published_as_a_numpy_archive_is_read_from_safetensors(loader, weights):
    """timm's own configuration says custom_load for it, by which older timm would take the file for an archive."""
    name = "vit_tiny_patch16_224.augreg_in21k"
    write_weights(weights, name)
    assert loader.load(find_backbone(name)).dimension == 192


@pytest.mark.parametrize("other", ["test_resnet", "test_vit"])  # one shares names of tensors, one hardly any
def test_a_file_of_another_network_is_refused(loader, weights, other):
    write_weights(weights, "test_efficientnet", architecture=other)
    with pytest.raises(WeightsMismatch, match=r"test_efficientnet\.safetensors does not fit test_efficientnet"):
        loader.load(find_backbone("test_efficientnet"))


def test_a_file_that_lacks_a_tensor_is_refused_and_the_tensor_named(loader, weights):
    write_weights(weights, "test_efficientnet", leave_out=("conv_stem.weight",))
    with pytest.raises(WeightsMismatch, match=r'Missing key\(s\) in state_dict: "conv_stem.weight"'):
        loader.load(find_backbone("test_efficientnet"))


@pytest.mark.parametrize("keep", [0, 5, 1_000, 200_000])
def test_a_file_that_is_cut_short_is_refused(loader, weights, keep):
    write_weights(weights, "test_resnet")
    path = weights / "test_resnet.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsMismatch, match="does not fit test_resnet"):
        loader.load(find_backbone("test_resnet"))


def test_a_mended_file_is_loaded_after_a_refusal(loader, weights):
    (weights / "test_resnet.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsMismatch):
        loader.load(find_backbone("test_resnet"))
    write_weights(weights, "test_resnet")
    assert loader.load(find_backbone("test_resnet")).dimension == 96


# --- weights from the hub ---------------------------------------------------------------------------------------


ASK_THE_HUB = """
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.settings import Settings

loader = BackboneLoader(Settings(hub_timeout_s=1), "cpu")
for name in ("b0", "test_resnet"):
    try:
        print("loaded", loader.load(find_backbone(name)).weights)
    except WeightsUnavailable as error:
        print(error.code, error.detail)
"""


@pytest.fixture(scope="module")
def without_a_hub(tmp_path_factory):
    """The folder of weights of a process whose hub is a closed port of this machine, and what it said of b0, which is
    nowhere, and of test_resnet, which is in the hub's own cache."""
    folder = tmp_path_factory.mktemp("hub")
    repository = folder / "hub" / "models--timm--test_resnet.r160_in1k"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    write_weights(snapshot, "model", architecture="test_resnet")
    hub = {"HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK_THE_HUB],
        check=False,
        env={**os.environ, **hub, "NEXTLABEL_WEIGHTS_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return folder, *done.stdout.splitlines()


def test_without_a_file_and_a_hub_both_remedies_are_named(without_a_hub):
    folder, said, _ = without_a_hub
    assert said.startswith(
        "weights_unavailable the weights of efficientnet_b0 are not here, and the hub can't be reached"
    )
    assert f"put efficientnet_b0.safetensors into NEXTLABEL_WEIGHTS_DIR ({folder})" in said
    assert "give the worker access to the Hugging Face hub" in said


def test_a_file_in_the_hubs_own_cache_needs_no_hub(without_a_hub):
    assert without_a_hub[2].startswith("loaded ")


def test_a_network_that_nobody_published_weights_of_says_so(loader):
    with pytest.raises(WeightsUnavailable, match="there are no published weights for test_mambaout; put test_mambaout"):
        loader.load(find_backbone("test_mambaout"))


# --- random weights, and what is kept ---------------------------------------------------------------------------


def test_random_weights_are_drawn_from_the_seed_alone(weights):
    def embeddings(seed):
        return embed(BackboneLoader(Settings(), "cpu").load(find_backbone("test_resnet"), "random", seed), photo())

    np.testing.assert_array_equal(embeddings(0), embeddings(0))
    assert (embeddings(0) != embeddings(1)).any()


def test_random_weights_are_never_taken_for_those_of_a_file(loader, weights):
    write_weights(weights, "test_resnet")
    trained = loader.load(find_backbone("test_resnet"))
    drawn = loader.load(find_backbone("test_resnet"), "random", 5)
    assert drawn.weights == "random-5"
    assert drawn is not trained


def test_loading_leaves_the_random_state_of_torch_as_it_was(loader, weights):
    write_weights(weights, "test_resnet")
    before = torch.random.get_rng_state()
    loader.load(find_backbone("test_resnet"))
    loader.load(find_backbone("test_resnet"), "random", 3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_backbone_used_last_is_kept_whatever_the_seed_and_the_one_before_is_let_go(loader, weights):
    write_weights(weights, "test_resnet")
    first = loader.load(find_backbone("test_resnet"), seed=1)
    assert loader.load(find_backbone("test_resnet"), seed=2) is first
    loader.load(find_backbone("descriptor"))
    assert loader.load(find_backbone("test_resnet")) is not first


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_an_embedding_does_not_depend_on_how_many_images_its_batch_has(loader):
    """MobileNet's kernels sum in another order for one image than for several, and in one thread for eight."""
    backbone = loader.load(find_backbone("mobilenet"), "random")
    batch = np.random.default_rng(0).integers(0, 255, (17, 224, 224, 3), dtype=np.uint8)
    together = backbone.forward(batch)
    for part in (slice(0, 1), slice(10, 11), slice(2, 9), slice(0, 16)):
        np.testing.assert_array_equal(backbone.forward(batch[part]), together[part])


def test_a_broken_gpu_context_is_told_from_a_full_memory_and_from_mistakes_of_ours():
    assert device_is_lost(torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    assert not device_is_lost(torch.OutOfMemoryError("CUDA out of memory"))
    assert not device_is_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_network_too_large_for_the_device_is_out_of_memory(loader, monkeypatch):
    def too_large(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "TimmBackbone", too_large)
    with pytest.raises(OutOfMemory, match="test_resnet does not fit into the GPU's memory"):
        loader.load(find_backbone("test_resnet"), "random")


# --- real weights on real photos --------------------------------------------------------------------------------


@pytest.mark.real_data
def test_real_weights_put_photos_of_one_class_closer_together_than_those_of_two(real_data):
    """12 photos each of trousers and shoes: the nearest neighbour is nearly always of the same class."""
    labels = read_labels(real_data / "clothing" / "labels_val.txt").classes_by_name
    names = (real_data / "clothing" / "classes.txt").read_text().split()
    wanted = {str(names.index(name)): name for name in ("pants", "shoes")}
    chosen = [[name for name, class_ in labels.items() if class_ == index][:12] for index in wanted]
    backbone = BackboneLoader(Settings(weights_dir=real_data / "weights"), "cpu").load(find_backbone("mobilenet"))
    images = [decode(real_data / "clothing" / "val" / name, max_pixels=10**8) for part in chosen for name in part]
    embeddings = embed(backbone, *images)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = embeddings @ embeddings.T - 2 * np.eye(24)
    assert (cosines.argmax(axis=1) // 12 == np.arange(24) // 12).mean() > 0.9
