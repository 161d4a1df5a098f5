"""The VAE, then the reader by which images reach it. Networks of a few steps, unless what they learn matters."""

import numpy as np
import pytest
import torch
from PIL import Image

from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural import vae as module
from nextlabel.core.neural.engine import Watch, run
from nextlabel.core.neural.vae import BATCH, SIDE, ThumbnailReader, TrainedVae, _most_epochs, train_vae
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import read_labels
from tests.image_files import decode
from tests.pools import draw, spoil


def stripes(images: int, seed: int = 0, across: int = 1):
    """uint8 (images, 3, S, S): wide stripes of one colour each; across=1: upright, 0: lying."""
    rng = np.random.default_rng(seed)
    along = np.arange(SIDE) if across else np.arange(SIDE)[:, None]
    waves = np.sin(along / 6 + rng.uniform(0, 6, size=(images, 1, 1, 1)))
    light = 128 + 100 * waves * rng.uniform(0.5, 1, size=(images, 3, 1, 1))
    return np.broadcast_to(light, (images, 3, SIDE, SIDE)).astype(np.uint8)


@pytest.fixture(scope="module")
def trained():
    return train_vae(stripes(4), epochs=2, seed=0)


def weights(vae: TrainedVae):
    return torch.cat([tensor.flatten().float() for tensor in vae.network.state_dict().values()])


# --- errors -----------------------------------------------------------------------------------------------------


def test_an_error_for_each_image_between_0_and_1_and_the_same_each_time(trained):
    pixels = stripes(5, seed=1)
    before = pixels.copy()
    errors = trained.errors(pixels)
    assert (errors.shape, errors.dtype) == ((5,), np.float32)
    assert errors.min() > 0
    assert errors.max() < 1
    np.testing.assert_array_equal(errors, trained.errors(pixels))
    np.testing.assert_array_equal(pixels, before)
    assert trained.errors(pixels[:0]).shape == (0,)


def test_an_images_error_does_not_depend_on_the_others_nor_on_the_slice_it_comes_in(trained, monkeypatch):
    pixels = stripes(3, seed=1)
    together = trained.errors(pixels)
    np.testing.assert_allclose([trained.errors(pixels[i : i + 1])[0] for i in range(3)], together, rtol=1e-4)
    monkeypatch.setattr(module, "AT_ONCE_ON_CPU", 2)
    np.testing.assert_allclose(trained.errors(pixels), together, rtol=1e-4)


def test_the_error_is_the_mean_absolute_difference_over_the_whole_image():
    """A network that always answers grey, against black above white, in an array that may not be written to."""

    class Grey(module.VaeNetwork):
        def reconstruct(self, images):
            return torch.full_like(images, 0.25)

    half = np.zeros((1, 3, SIDE, SIDE), np.uint8)
    half[:, :, 32:] = 255
    half.flags.writeable = False
    assert TrainedVae({}, Grey(), "cpu").errors(half) == pytest.approx([(0.25 + 0.75) / 2])


def test_what_it_has_learnt_it_reconstructs_better_than_what_it_has_not():
    vae = train_vae(stripes(6), epochs=20, seed=0)
    known, unknown = vae.errors(stripes(8, seed=1)), vae.errors(stripes(8, seed=1, across=0))
    assert np.median(known) < np.median(unknown)


# --- training ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_network_and_another_another():
    one, same, other = (train_vae(stripes(3), epochs=1, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))


@pytest.mark.parametrize("images", [1, 2, BATCH + 1])
def test_no_number_of_images_is_too_awkward_for_the_batch_norm(images, monkeypatch):
    sizes = []
    step = module._Training._step

    def spy(self, batch):
        sizes.append(len(batch))
        step(self, batch)

    monkeypatch.setattr(module._Training, "_step", spy)
    vae = train_vae(stripes(images), epochs=1, seed=0)
    assert sizes == [images] if images <= BATCH else min(sizes) > 1
    assert np.isfinite(vae.errors(stripes(2))).all()


def test_it_trains_the_epochs_asked_for_on_all_images_and_counts_them_batch_by_batch():
    ticks = []
    vae = train_vae(stripes(BATCH + 4), epochs=2, seed=0, tick=lambda done, total: ticks.append((done, total)))
    assert ticks == [(0, 2), (0, 2), (1, 2), (1, 2), (2, 2)]
    assert vae.details == {"epochs": 2, "kept_epoch": 2}


def test_too_few_images_to_hold_any_out_are_trained_on_for_a_fixed_number_of_epochs(monkeypatch):
    monkeypatch.setattr(module, "FEW_EPOCHS", 3)
    assert train_vae(stripes(3), seed=0).details == {"epochs": 3, "kept_epoch": 3}


def test_without_a_number_the_best_epoch_by_the_held_out_tenth_is_kept(monkeypatch):
    """Told that the second of its epochs was the best, it waits two more, and goes back."""
    told, held_out, states = iter([0.4, 0.2, 0.3, 0.2, 0.1]), [], []

    def errors(network, pixels, device, beat):
        held_out.append(pixels)
        states.append(torch.cat([tensor.flatten().float() for tensor in network.state_dict().values()]))
        return np.full(len(pixels), next(told), np.float32)

    monkeypatch.setattr(module, "PATIENCE", 2)
    monkeypatch.setattr(module, "_errors", errors)
    ticks = []
    vae = train_vae(stripes(20), seed=0, tick=lambda done, total: ticks.append((done, total)))
    assert vae.details == {"epochs": 4, "kept_epoch": 2, "held_out_error": pytest.approx(0.2)}
    assert torch.equal(weights(vae), states[1])
    assert not vae.network.training
    assert [len(pixels) for pixels in held_out] == [2] * 4
    done, totals = zip(*ticks, strict=True)
    assert list(done) == sorted(done)
    assert (done[-1], set(totals)) == (100, {100})


def test_what_is_held_out_is_not_trained_on(monkeypatch):
    """Image i is of brightness i."""
    pixels = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 3, SIDE, SIDE))
    seen, judged = set(), set()

    def errors(network, pixels, device, beat):
        judged.update(pixels[:, 0, 0, 0].tolist())
        return np.zeros(len(pixels), np.float32)

    def step(training, images):
        seen.update((255 * images[:, 0, 0, 0]).round().int().tolist())

    monkeypatch.setattr(module, "_errors", errors)
    monkeypatch.setattr(module._Training, "_step", step)
    train_vae(pixels, seed=0)
    assert (len(judged), judged | seen, judged & seen) == (2, set(range(20)), set())


def test_the_default_ends_within_a_bounded_number_of_passes():
    assert [_most_epochs(images, "cpu") for images in (20, 100, 300, 1_000)] == [100, 60, 20, 6]
    assert [_most_epochs(images, "cuda:0") for images in (300, 1_000)] == [100, 60]
    assert _most_epochs(100_000, "cpu") == 2


def test_what_the_tick_raises_ends_the_training_after_one_batch_and_all_is_as_it_was():
    class Stop(Exception):
        pass

    ticks = []

    def stop(done: int, total: int) -> None:
        ticks.append(done)
        raise Stop

    before = torch.get_num_threads(), torch.backends.cudnn.deterministic
    with pytest.raises(Stop):
        train_vae(stripes(BATCH + 4), epochs=1, seed=0, tick=stop)
    assert ticks == [0]
    assert (torch.get_num_threads(), torch.backends.cudnn.deterministic) == before


def test_short_memory_ends_the_training_and_is_left_to_the_engine_when_scoring(trained, monkeypatch):
    def too_much(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "_images", too_much)
    with pytest.raises(OutOfMemory, match="do not fit into the GPU's memory"):
        train_vae(stripes(2), epochs=1, seed=0)
    with pytest.raises(torch.OutOfMemoryError):
        trained.errors(stripes(2))


# --- the reader -------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_the_whole_image_squeezed_into_a_square():
    """Red on the left quarter, blue on the rest, four times as wide as high."""
    image = Image.new("RGB", (400, 100), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 100, 100))
    pixels = ThumbnailReader().prepare(image)
    assert (pixels.shape, pixels.dtype) == ((3, SIDE, SIDE), np.uint8)
    assert pixels[:, 5, [0, 14, 17, 63]].T.tolist() == [[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]]


def test_thumbnails_come_through_the_engine_as_they_were_prepared_and_scores_as_the_vae_gives_them(trained, tmp_path):
    draw(tmp_path, red=3)
    spoil(tmp_path, "red_1.png")
    pool, options = list_pool(place_at(tmp_path, [tmp_path])), Settings(batch_size=4, decode_threads=2)
    prepared = [ThumbnailReader().prepare(decode(tmp_path / pool.names[row], max_pixels=10**8)) for row in (0, 2)]
    (gathered,), (scored,) = (
        run(ThumbnailReader(), forward, nothing, pool, range(3), options, Watch())
        for forward, nothing in ((lambda batch: batch, stripes(0)), (trained.errors, np.empty(0, np.float32)))
    )
    assert [one.name for one in gathered.unreadable] == [one.name for one in scored.unreadable] == ["red_1.png"]
    pixels = gathered.outputs
    np.testing.assert_array_equal(pixels, prepared)
    np.testing.assert_allclose(scored.outputs, trained.errors(pixels))


def test_a_batch_of_nothing_but_unreadable_images_has_no_score(trained, tmp_path):
    spoil(tmp_path, "a.png")
    pool, options = list_pool(place_at(tmp_path, [tmp_path])), Settings(batch_size=4, decode_threads=1)
    nothing = np.empty(0, np.float32)
    (batch,) = run(ThumbnailReader(), trained.errors, nothing, pool, [0], options, Watch())
    assert batch.outputs.shape == (0,)


# --- real photos ------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_trained_on_real_photos_it_finds_others_like_them_less_strange_than_noise(real_data):
    names = list(read_labels(real_data / "clothing" / "labels_val.txt").classes_by_name)[:32]
    images = [decode(real_data / "clothing" / "val" / name, max_pixels=10**8) for name in names]
    pixels = np.stack([ThumbnailReader().prepare(image) for image in images])
    vae = train_vae(pixels[:16], epochs=6, seed=0)
    noise = np.random.default_rng(0).integers(256, size=(16, 3, SIDE, SIDE), dtype=np.uint8)
    assert np.median(vae.errors(pixels[16:])) < np.median(vae.errors(noise))
