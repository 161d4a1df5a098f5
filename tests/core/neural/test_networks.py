import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import timm
import torch

from nextlabel.core.neural import networks, precision
from nextlabel.core.neural.compiled import KeptNetwork
from nextlabel.core.neural.networks import Normalised, OpenVinoNetwork, TorchNetwork, network_for

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is an extra")
CPU = torch.device("cpu")
SHAPE = (160, 160, 3)


def network(name="test_resnet"):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return Normalised(timm.create_model(name, num_classes=0), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def images(count, shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def cosines(ours, theirs):
    return np.vecdot(ours, theirs) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit", "test_convnext", "mobilenetv2_100"])
def test_openvino_gives_the_embeddings_of_torch(name):
    ready = OpenVinoNetwork.of(network(name), SHAPE)
    found, expected = ready(images(6)), TorchNetwork(network(name))(images(6))
    assert found.dtype == np.float32
    assert cosines(found, expected).min() > 0.9999


@pytest.fixture(scope="module")
def compiled():
    return OpenVinoNetwork.of(network(), SHAPE)


def test_an_embedding_does_not_depend_on_how_many_images_its_batch_has(compiled):
    together = compiled(images(11))
    for part in (slice(0, 1), slice(10, 11), slice(2, 9), slice(0, 0)):
        np.testing.assert_array_equal(compiled(images(11)[part]), together[part])


def test_the_images_are_left_as_they_were(compiled):
    given = images(5)
    compiled(given)
    np.testing.assert_array_equal(given, images(5))


@pytest.mark.parametrize(("engine", "expected"), [("torch", "torch"), ("openvino", "openvino"), ("auto", "openvino")])
def test_the_engine_is_as_set_and_openvino_where_it_is_installed(engine, expected):
    assert network_for(network(), SHAPE, CPU, engine).engine == expected


def test_without_openvino_torch_computes(monkeypatch):
    monkeypatch.setattr(networks, "find_spec", lambda _: None)
    assert network_for(network(), SHAPE, CPU, "auto").engine == "torch"


def test_a_network_that_openvino_cannot_compile_is_computed_by_torch_and_the_log_says_so(monkeypatch, logged):
    def unknown(*_):
        raise RuntimeError("No conversion rule found for operations: aten::exotic")

    monkeypatch.setattr(networks, "_traced", unknown)
    assert network_for(network(), SHAPE, CPU, "auto").engine == "torch"
    assert "aten::exotic" in logged()


class Shapely(torch.nn.Module):
    """What it computes depends on the pixels in a way that tracing doesn't see."""

    def forward(self, images):
        if float(images.mean()) > -1.5:
            return images.mean(dim=(2, 3)) + 1
        return images.std(dim=(2, 3)) - 7


def test_a_network_that_comes_out_of_openvino_as_another_is_computed_by_torch(logged):
    """Traced on black, which is below -1.5 once it is normalised; noise is above."""
    shapely = Normalised(Shapely(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert network_for(shapely, SHAPE, CPU, "auto").engine == "torch"
    assert "embeddings are others" in logged()


def test_compiling_reaches_for_no_network():
    """OpenVINO reports its use to Google Analytics, once as it is imported, unless it is kept from it."""
    script = (
        "import socket\n"
        "def refuse(self, address): print('CONNECTED', address)\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "socket.getaddrinfo = lambda *a, **k: print('RESOLVED', a)\n"
        "import numpy as np, torch\n"
        "from nextlabel.core.neural.networks import Normalised, OpenVinoNetwork\n"
        "small = torch.nn.Sequential(torch.nn.Conv2d(3, 96, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())\n"
        "ready = OpenVinoNetwork.of(Normalised(small, (0, 0, 0), (1, 1, 1)), (160, 160, 3))\n"
        "print(ready(np.zeros((1, 160, 160, 3), np.uint8)).shape)\n"
        "import threading, time; time.sleep(0.5)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert ran.stdout.split() == ["(1,", "96)"], ran.stdout + ran.stderr


# --- narrower precisions ----------------------------------------------------------------------------------------


@pytest.fixture
def able(monkeypatch):
    """A CPU that has them, whatever it has: OpenVINO emulates what it hasn't."""
    monkeypatch.setattr(networks, "cpu_has", lambda *_: True)
    monkeypatch.setattr(precision, "CALIBRATION_IMAGES", 8)


def test_a_narrower_precision_is_named_and_its_embeddings_are_those_of_float32_nearly(able, tmp_path):
    kept = KeptNetwork(tmp_path, "backbone 1234 size=160")
    narrow = network_for(network(), SHAPE, CPU, "auto", kept=kept, precisions=("bfloat16", "float32"))
    assert (narrow.engine, narrow.precision) == ("openvino", "bfloat16")
    found = narrow(images(5))
    assert cosines(found, TorchNetwork(network())(images(5))).min() > 0.98
    again = network_for(network(), SHAPE, CPU, "auto", kept=kept, precisions=("bfloat16", "float32"))
    np.testing.assert_array_equal(again(images(5)), found)
    assert network_for(network(), SHAPE, CPU, "auto", kept=kept).precision == ""  # what is kept is not mixed up


@pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is an extra")
def test_int8_is_calibrated_once_and_says_which_network_it_is(able, tmp_path, monkeypatch):
    kept = KeptNetwork(tmp_path, "backbone 1234 size=160")
    tried = ("int8", "float32")
    narrow = network_for(network(), SHAPE, CPU, "auto", kept=kept, precisions=tried)
    assert narrow.precision.startswith("int8-")
    found = narrow(images(5))
    monkeypatch.setattr(networks, "can_quantise", lambda: False)  # and it need not: it is kept
    again = network_for(network(), SHAPE, CPU, "auto", kept=kept, precisions=tried)
    assert again.precision == narrow.precision
    np.testing.assert_array_equal(again(images(5)), found)
    np.testing.assert_array_equal(again(images(5)[2:3]), found[2:3])


@pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is an extra")
def test_a_network_with_attention_is_quantised_in_a_way_of_its_own(able, monkeypatch):
    narrow = network_for(network("test_vit"), SHAPE, CPU, "auto", precisions=("int8", "float32"))
    assert cosines(narrow(images(5)), TorchNetwork(network("test_vit"))(images(5))).min() > 0.97
    monkeypatch.setattr(precision, "has_attention", lambda _: False)
    otherwise = network_for(network("test_vit"), SHAPE, CPU, "auto", precisions=("int8", "float32"))
    assert narrow.precision != otherwise.precision  # it names the quantised network


@pytest.mark.parametrize(("name", "has_it"), [("test_vit", True), ("test_resnet", False), ("test_efficientnet", False)])
def test_attention_is_found_where_it_is(name, has_it):
    assert precision.has_attention(networks._traced(network(name), SHAPE)) is has_it


def test_where_int8_can_not_be_made_the_next_wider_precision_is_taken_and_the_log_says_why(able, monkeypatch, logged):
    monkeypatch.setattr(networks, "can_quantise", lambda: False)
    tried = ("int8", "bfloat16", "float32")
    assert network_for(network(), SHAPE, CPU, "auto", precisions=tried).precision == "bfloat16"
    assert "pip install" in logged()


def test_where_what_comes_out_is_another_network_float32_is_taken_and_the_log_says_so(able, monkeypatch, logged):
    monkeypatch.setitem(precision.LEAST_COSINE, "bfloat16", 1.1)
    assert network_for(network(), SHAPE, CPU, "auto", precisions=("bfloat16", "float32")).precision == ""
    assert "embeddings are others" in logged()


def test_a_cpu_that_gains_nothing_by_a_precision_is_not_asked_for_it(monkeypatch, logged):
    monkeypatch.setattr(networks, "cpu_has", lambda *_: False)
    assert network_for(network(), SHAPE, CPU, "auto", precisions=("int8", "bfloat16", "float32")).precision == ""
    assert "the CPU has none" in logged()
