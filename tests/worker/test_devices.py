import os
import stat

import pytest

from nextlabel.worker import devices
from nextlabel.worker.devices import VISIBLE, count_gpus, gpus, pin


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """A machine of our own: nothing on PATH, no GPU mentioned."""
    monkeypatch.setattr(os, "environ", {"PATH": str(tmp_path)})
    return os.environ


@pytest.fixture
def nvidia_smi(environment, tmp_path):
    """A stand-in that answers as told."""

    def answer(text, exit_code=0):
        script = tmp_path / "nvidia-smi"
        listing = "".join(f"echo '{line}'\n" for line in text.splitlines())
        script.write_text(f'#!/bin/sh\n[ "$1" = --query-gpu=index ] || exit 9\n{listing}exit {exit_code}\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return answer


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0", ["0"]),
        ("0,1,3", ["0", "1", "3"]),
        (" 2 , 0 ", ["2", "0"]),
        ("GPU-8f3a,GPU-77b0", ["GPU-8f3a", "GPU-77b0"]),
        ("MIG-1c2d", ["MIG-1c2d"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["1"]),  # CUDA itself sees nothing behind a wrong one
        ("-1,0", []),
    ],
)
def test_the_environment_says_which_gpus_there_are(environment, nvidia_smi, visible, expected):
    nvidia_smi("7")
    environment[VISIBLE] = visible
    assert gpus() == expected


def test_else_nvidia_smi_is_asked(nvidia_smi):
    nvidia_smi("0\n1\n2")
    assert gpus() == ["0", "1", "2"]


def test_a_machine_without_gpus_has_none(environment):
    assert gpus() == []


def test_where_a_driver_is_there_and_no_tool_to_ask_it_is_not_known_how_many_gpus_there_are(
    environment, monkeypatch, tmp_path
):
    monkeypatch.setattr(devices, "DRIVERS", (tmp_path / "kfd",))
    assert count_gpus() == 0
    (tmp_path / "kfd").touch()
    assert count_gpus() is None
    environment[VISIBLE] = ""
    assert count_gpus() == 0
    environment[VISIBLE] = "0,1"
    assert count_gpus() == 2


def test_a_driver_that_does_not_answer_is_no_gpu(nvidia_smi):
    nvidia_smi("NVIDIA-SMI has failed because it couldn't communicate with the driver", exit_code=9)
    assert gpus() == []


@pytest.mark.parametrize(("index", "mine"), [(0, "0"), (1, "1"), (2, "0"), (5, "1")])
def test_process_i_gets_the_ith_gpu_and_begins_again_where_they_are_fewer(environment, nvidia_smi, index, mine):
    nvidia_smi("0\n1")
    pin(index)
    assert environment[VISIBLE] == mine
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"  # as nvidia-smi counts


def test_only_gpus_that_were_given_are_taken(environment):
    environment[VISIBLE] = "GPU-8f3a,GPU-77b0"
    pin(1)
    assert environment[VISIBLE] == "GPU-77b0"
    assert gpus() == ["GPU-77b0"]


def test_without_a_gpu_nothing_is_pinned(environment):
    pin(0)
    assert VISIBLE not in environment
    environment[VISIBLE] = ""
    pin(0)
    assert environment[VISIBLE] == ""
