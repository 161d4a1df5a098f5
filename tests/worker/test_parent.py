import subprocess
import threading

from nextlabel.worker.parent import Parent
from tests.worker.conftest import submit, wait_until


def test_a_worker_is_seen_with_its_processes_until_it_stops(settings, store):
    parent = Parent(settings, "w@host", processes=3, up=lambda: 1)
    parent.start()
    wait_until(lambda: store.workers() == ["w@host"])
    assert store.count_processes() == 3
    parent.stop()
    assert store.workers() == []
    assert not {"janitor", "webhooks-0"} & {thread.name for thread in threading.enumerate()}


def test_the_jobs_of_a_worker_that_drains_are_asked_to_stop(settings, store):
    parent = Parent(settings, "w@host", processes=1, up=lambda: 1)
    parent.start()
    with subprocess.Popen(["sleep", "60"]) as child:  # the janitor takes a job away from a process that isn't there
        job_id = submit(store, add=1, path_to_img="p").id
        claim = store.claim(job_id, process=f"w@host/{child.pid}", token="t", lease_s=60)
        parent.drain()
        assert store.renew(claim, worker="w@host", lease_s=60) == "drain"
        child.kill()
    parent.stop()
