from importlib.util import find_spec

import numpy as np
import pytest

from nextlabel.core.neural import compiled, networks
from nextlabel.core.neural.compiled import KeptNetwork
from nextlabel.core.neural.networks import network_for
from tests.core.neural.test_networks import CPU, SHAPE, images, network

NOISE = np.ones((2, 3), np.float32)


@pytest.fixture
def kept(tmp_path):
    return KeptNetwork(tmp_path / "compiled", "mobilenet 1234 size=224")


def test_what_is_kept_is_read_back_in_the_same_state_and_no_other(kept):
    kept.write(["2026.4", 2], b"network", NOISE)
    exported, expected = kept.read(["2026.4", 2])
    assert (exported, expected.tolist()) == (b"network", NOISE.tolist())
    assert kept.read(["2026.5", 2]) is None
    assert KeptNetwork(kept.folder, "b0 1234 size=224").read(["2026.4", 2]) is None


@pytest.mark.parametrize("cut", [0, 10, 0.5, -1])
def test_a_file_that_is_not_whole_is_none(kept, cut):
    kept.write([], b"network" * 100, NOISE)
    (path,) = kept.folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))] if isinstance(cut, float) else content[:cut])
    assert kept.read([]) is None
    assert kept.write([], b"again", NOISE) is None
    assert kept.read([])[0] == b"again"


def test_a_changed_byte_is_noticed(kept):
    kept.write([], b"network" * 100, NOISE)
    (path,) = kept.folder.iterdir()
    content = bytearray(path.read_bytes())
    content[content.index(b"networknetwork") + 3] ^= 1
    path.write_bytes(content)
    assert kept.read([]) is None


def test_those_used_last_stay(kept, monkeypatch):
    monkeypatch.setattr(compiled, "MOST", 2)
    for i in range(2):
        kept.write([i], b"network", NOISE)
    assert kept.read([0]) is not None
    kept.write([2], b"network", NOISE)
    assert [kept.read([i]) is None for i in range(3)] == [False, True, False]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").touch()
    kept = KeptNetwork(tmp_path / "file" / "compiled", "b0")
    kept.write([], b"network", NOISE)
    assert kept.read([]) is None


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is an extra")
def test_a_network_is_compiled_once_and_gives_the_same_bytes_ever_after(kept, monkeypatch, logged):
    first = network_for(network(), SHAPE, CPU, "auto", kept=kept)(images(6))

    def must_not(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(networks, "_traced", must_not)
    second = network_for(network(), SHAPE, CPU, "auto", kept=kept)
    assert second.engine == "openvino"
    assert second(images(6)).tobytes() == first.tobytes()
    monkeypatch.undo()
    (path,) = kept.folder.iterdir()
    with np.load(path) as file:
        exported, expected = file["network"], file["expected"]
    np.savez(path, network=exported, expected=expected + 1)
    assert network_for(network(), SHAPE, CPU, "auto", kept=kept)(images(6)).tobytes() == first.tobytes()
    np.savez(path, network=exported[:100], expected=expected)
    assert network_for(network(), SHAPE, CPU, "auto", kept=kept)(images(6)).tobytes() == first.tobytes()
    assert "can't be used" in logged()
