"""Jobs on a GPU, through the API and a real worker."""

import os
import time
from pathlib import Path

import pytest

from nextlabel.client.http import Client
from tests.core.neural.photos import smooth
from tests.e2e.conftest import start

pytestmark = [pytest.mark.gpu, pytest.mark.e2e]
BREAKING = Path(__file__).parent / "breaking"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def pool(tmp_path):
    def draw(name, count=60):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for seed in range(count):
            smooth(300, 260, seed).save(folder / f"{seed:02}.jpg", quality=90)
        return folder

    return draw


def selection(folder, **more):
    return {
        "kind": "selection",
        "backbone": "resnet50",
        "weights": "random",
        "add": 5,
        "path_to_img": str(folder),
        **more,
    }


def test_a_second_job_is_faster_and_a_broken_context_costs_a_process_and_an_attempt_not_the_job(pool, tmp_path):
    first, second, third = pool("a"), pool("b"), pool("c")
    flag = tmp_path / "break"
    path = os.pathsep.join([str(BREAKING), str(ROOT), os.environ.get("PYTHONPATH", "")])
    with (
        start(tmp_path / "stack", tmp_path / "data", PYTHONPATH=path, BREAK_GPU=str(flag)) as stack,
        Client(stack.url) as client,
    ):
        took = []
        for folder in (first, second):
            job_id = client.submit(selection(folder)).id
            begun = time.monotonic()
            ended = client.wait(job_id, timeout_s=120)
            took.append(time.monotonic() - begun)
            assert len(ended.result.data) == 5
            assert ended.result.manifest.device.startswith("cuda")
        print("first, second job in seconds:", took)
        assert took[1] < took[0]
        flag.touch()
        job_id = client.submit(selection(third)).id
        ended = client.wait(job_id, timeout_s=120)
        assert not flag.exists()
        assert ended.attempt == 2
        assert ended.last_interruption.reason == "worker_lost"
        assert len(ended.result.data) == 5
    log = (tmp_path / "stack" / "log.txt").read_text()
    assert "the GPU's context is broken" in log
