"""Networks and decoder of a GPU against those of a CPU."""

import gc
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.neural.backbones import BackboneLoader, TimmBackbone
from nextlabel.core.neural.crops import Crop
from nextlabel.core.neural.engine import Watch, embed
from nextlabel.core.neural.networks import CudaNetwork, Normalised, TorchNetwork
from nextlabel.core.neural.uploads import Uploader
from nextlabel.core.settings import Settings
from tests.core.neural.photos import config, smooth
from tests.image_files import decode, opened, read_jpeg

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda")
LUMA = np.array([0.299, 0.587, 0.114])  # how light red, green and blue are


def network(name="resnet18"):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return Normalised(timm.create_model(name, num_classes=0), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def photos(count, side=224):
    return np.stack([np.asarray(smooth(side, side, seed)) for seed in range(count)])


def on_gpu(images):
    return torch.from_numpy(images).to(CUDA).permute(0, 3, 1, 2)


def cosines(ours, theirs):
    return np.vecdot(ours, theirs) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)


@pytest.mark.parametrize(
    "name", ["resnet18", "efficientnet_b0", "mobilenetv2_100", "vit_tiny_patch16_224", "convnext_atto"]
)
def test_half_precision_gives_the_embeddings_of_a_cpu(name):
    images = photos(8)
    exact = TorchNetwork(network(name))(images)
    found = CudaNetwork(network(name), (224, 224, 3), CUDA, 16)(on_gpu(images))
    assert cosines(found, exact).min() > 0.999


def test_an_embedding_does_not_depend_on_how_many_images_its_batch_has():
    images, ready = on_gpu(photos(11)), CudaNetwork(network("mobilenetv2_100"), (224, 224, 3), CUDA, 64)
    together = ready(images)
    for part in (slice(0, 1), slice(10, 11), slice(2, 9)):
        np.testing.assert_array_equal(ready(images[part]), together[part])


class Large(torch.nn.Module):
    """Pixels so large that float16 can't hold them: 0..1 times a million."""

    def forward(self, images):
        return torch.nn.functional.conv2d(images, torch.full((2, 3, 1, 1), 1e6, device=images.device)).mean(dim=(2, 3))


def test_what_half_precision_cannot_hold_is_computed_in_full():
    ready = CudaNetwork(Normalised(Large(), (0.0,) * 3, (1.0,) * 3), (8, 8, 3), CUDA, 4)
    images = np.full((3, 8, 8, 3), 255, np.uint8)
    images[1] = 0
    np.testing.assert_allclose(ready(on_gpu(images)), [[3e6, 3e6], [0, 0], [3e6, 3e6]], rtol=1e-3)


def test_short_memory_makes_do_with_smaller_batches_and_no_embedding_is_another(tmp_path):
    for seed in range(40):
        smooth(300, 260, seed).save(tmp_path / f"{seed:02}.jpg", quality=90)
    pool = list_pool(place_at(tmp_path, [tmp_path]))

    def run():
        options = Settings(decode_threads=4)
        backbone = BackboneLoader(options, "cuda").load(find_backbone("resnet50"), "random")
        batches = list(embed(backbone, pool, range(40), options, Watch()))
        return np.concatenate([batch.embeddings for batch in batches]), backbone.images_at_once

    expected, fits = run()
    assert fits == 256
    gc.collect()
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    ballast = torch.empty(free - CudaNetwork.HEADROOM_BYTES - 1_200_000_000, dtype=torch.uint8, device=CUDA)
    found, fits = run()
    del ballast
    assert 1 <= fits < 256
    assert cosines(found, expected).min() > 0.999


@pytest.fixture
def upload():
    return Uploader((224, 224, 3), Crop.of(config(size=(224, 224))), CUDA)


def test_its_decoder_and_resize_give_what_pillow_gives(upload, tmp_path):
    crop, paths = Crop.of(config(size=(224, 224))), []
    for i, (width, height) in enumerate([(400, 533), (533, 400), (1600, 1200), (230, 900), (64, 64), (400, 533)]):
        exif = Image.Exif()
        exif[0x0112] = 1 + i % 8
        paths.append(tmp_path / f"{i}.jpg")
        smooth(width, height, i).save(paths[-1], quality=92, exif=exif, progressive=i % 2 == 1, subsampling=i % 3)
    assert upload.takes_jpegs
    gathered = upload([read_jpeg(path, max_pixels=10**7) for path in paths])
    assert gathered.faults == {}
    for ours, path in zip(gathered.batch.permute(0, 2, 3, 1).cpu().numpy(), paths, strict=True):
        apart = ours.astype(float) - crop(decode(path, max_pixels=10**7))
        assert np.abs(apart @ LUMA).mean() < 1  # of 255
        assert np.abs(apart).mean() < 6  # harsh colours; it doesn't smooth halved ones as Pillow's decoder does


def test_pixels_depend_on_the_company_by_no_more_than_a_level(upload, tmp_path):
    """Matrices are as long as the largest image's sides, and a longer sum may be done in another order."""
    for i, (width, height) in enumerate([(400, 533), (1600, 1200), (230, 900)]):
        smooth(width, height, i).save(tmp_path / f"{i}.jpg")
    jpegs = [read_jpeg(tmp_path / f"{i}.jpg", max_pixels=10**7) for i in range(3)]
    alone, together = upload(jpegs[:1]).batch[0].int(), upload(jpegs).batch[0].int()
    assert (alone - together).abs().max() <= 1
    assert (alone != together).float().mean() < 0.01


def test_a_damaged_jpeg_is_a_fault_and_the_gpu_goes_on(upload, tmp_path):
    smooth(300, 200, 1).save(tmp_path / "good.jpg")
    good = read_jpeg(tmp_path / "good.jpg", max_pixels=10**7)
    smooth(300, 200, 2).save(tmp_path / "bad.jpg")
    bad = read_jpeg(tmp_path / "bad.jpg", max_pixels=10**7)
    bad.data[200:-2] = 0
    bad.path.write_bytes(bad.data.tobytes())
    gathered = upload([good, bad, good])
    assert list(gathered.faults) in ([1], [])  # a decoder may make grey of it
    pixels = gathered.batch.cpu()
    assert torch.equal(pixels[0], pixels[2])
    assert pixels[0].float().mean() > 10


def test_a_broken_context_is_told(tmp_path):
    """In a process of its own: nothing runs in it afterwards."""
    script = (
        "import torch\nfrom nextlabel.core.neural.backbones import device_is_lost\n"
        "try:\n torch.zeros(1, device='cuda')[torch.tensor([7], device='cuda')]; torch.cuda.synchronize()\n"
        "except Exception as error:\n print(type(error).__name__, device_is_lost(error))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert ran.stdout.split() == ["AcceleratorError", "True"], ran.stderr


def test_a_backbone_reads_gathers_and_forwards_on_the_gpu(tmp_path):
    smooth(300, 200, 1).save(tmp_path / "a.jpg")
    smooth(300, 200, 1).save(tmp_path / "b.png")
    backbone = BackboneLoader(Settings(), "cuda").load(find_backbone("mobilenet"), "random")
    assert isinstance(backbone, TimmBackbone)
    decoder, read = Decoder.of(Settings()), []
    for name in ("a.jpg", "b.png"):
        with opened(tmp_path / name) as file:
            read.append(backbone.read(file, decoder).prepared)
    gathered = backbone.gather(read)
    embeddings = backbone.forward(gathered.batch)
    assert embeddings.shape == (2, backbone.dimension)
    assert cosines(embeddings[:1], embeddings[1:]).min() > 0.98  # a JPEG is not quite its PNG
