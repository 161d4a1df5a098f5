"""Is it up, is it fit for work, what can it do, how much has it done."""

from __future__ import annotations

import shutil

import pytest
import redis
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from nextlabel.api.app import create_app
from nextlabel.core.jobs.outbox import Outbox
from nextlabel.core.jobs.record import new_job_id
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.methods.registry import METHODS, methods_of
from tests.api.support import f1_result, settings_for


def measured(client):
    """Metrics by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_the_process_answers(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_once_a_worker_was_seen(client, worker):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.json()["faults"] == ["no worker was seen in the last 10 seconds; jobs are recorded and wait"]
    worker.store.note_worker("w")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "faults": []})
    worker.store.forget_worker("w")
    assert client.get("/readyz").status_code == 503


def test_it_is_not_ready_when_the_disk_is_below_its_floor(data, tmp_path, empty_redis, worker):
    worker.store.note_worker("w")
    free_mb = shutil.disk_usage(tmp_path).free // 1_000_000
    crowded = settings_for(data, tmp_path, empty_redis).model_copy(update={"min_free_disk_mb": free_mb * 2})
    with TestClient(create_app(crowded), "http://localhost") as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert len(answer.json()["faults"]) == 2  # the state's disk and the cache's
    assert str(crowded.state_dir) in answer.json()["detail"]
    assert "NEXTLABEL_MIN_FREE_DISK_MB" in answer.json()["detail"]


def test_a_disk_without_a_state_folder_yet_is_no_fault(client, settings, worker):
    worker.store.note_worker("w")
    client.get("/readyz")  # whose Redis it is was looked at, for which the folder got its name
    shutil.rmtree(settings.state_dir)
    assert client.get("/readyz").status_code == 200


def test_metrics_count_jobs_by_what_became_of_them(client, data, worker):
    ids = [client.post("/jobs", json=data.f1).json()["id"] for _ in range(5)]
    worker.succeed(ids[0], f1_result())
    worker.fail(ids[1], "internal")
    client.post(f"/jobs/{ids[2]}/cancel")
    worker.claim(ids[3])
    worker.store.note_worker("w")
    metrics = measured(client)
    assert metrics["nextlabel_jobs", "f1", "queued"] == 1
    assert metrics["nextlabel_jobs", "f1", "running"] == metrics["nextlabel_leases",] == 1
    assert 0 < metrics["nextlabel_lease_left_seconds",] <= 60
    assert metrics["nextlabel_jobs_started_total", "f1"] == 3
    assert metrics["nextlabel_worker_up", "w"] == metrics["nextlabel_worker_processes",] == 1
    assert metrics["nextlabel_leases_reaped_total",] == 0
    assert 0 <= metrics["nextlabel_oldest_queued_seconds",] < 60
    assert [metrics["nextlabel_jobs_ended_total", "f1", end] for end in ("succeeded", "failed", "cancelled")] == [1] * 3


def test_metrics_count_webhooks_by_what_became_of_them(client, worker):
    outbox = Outbox(worker.store)
    for tell in (outbox.mark_delivered, outbox.mark_delivered, outbox.mark_failed, outbox.mark_unwanted):
        job, _ = worker.store.submit(new_job_id(), "f1", "{}", webhook="https://hooks.example/")
        worker.store.cancel(job.id)
        tell(outbox.claim())
    metrics = measured(client)
    assert metrics["nextlabel_webhooks_waiting",] == 1
    counted = {name[1]: count for name, count in metrics.items() if name[0] == "nextlabel_webhooks_total"}
    assert counted == {"delivered": 2, "failed": 1, "unwanted": 1}


def test_metrics_of_a_service_without_jobs_are_zero(client):
    assert set(measured(client).values()) == {0.0}
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=")


def test_capabilities_tell_all_that_can_be_asked_for(client, data):
    can = client.get("/capabilities").json()
    assert set(can["kinds"]) == set(KINDS)
    assert {method["name"] for method in can["methods"]} == set(METHODS)
    assert can["heads"] == ["linear", "linear_alone", "mlp"]
    assert can["data_roots"] == [str(data.root)]
    assert can["limits"]["add"] == 10_000_000
    assert can["limits"]["request_bytes"] == 1_000_000
    assert can["version"]


def test_capabilities_tell_the_question_that_each_kind_answers_and_of_which_tasks(client):
    can = client.get("/capabilities").json()
    assert can["tasks"] == ["classification", "multilabel", "detection"]
    of_one_class = {method["name"] for method in can["methods"] if not method["several_classes"]}
    assert of_one_class - set(methods_of("detection")) == {"dropquery", "mixture"}
    assert can["questions"].keys() == can["kinds"].keys()
    assert can["questions"]["audit"] == {
        "title": "Method audit",
        "question": "Do methods help on my data?",
        "tasks": ["classification", "multilabel", "detection"],
        "stages": ["read", "embed", "embed validation images", "train", "replay"],
    }


@pytest.mark.parametrize("kind", ["selection", "prediction", "f1"])
def test_capabilities_list_the_fields_of_a_kind(client, data, kind):
    fields = client.get("/capabilities").json()["kinds"][kind]
    required = {name for name, field in fields.items() if field["required"]}
    assert required <= set(getattr(data, kind)) <= {"kind", *fields}
    assert (fields["seed"]["default"], fields["seed"]["required"]) == (0, False)
    assert fields["backbone"]["description"]


def test_what_capabilities_say_is_needed_is_enough(client, data):
    for kind, fields in client.get("/capabilities").json()["kinds"].items():
        labels = {"path_to_labels"}  # a prediction learns from them
        needed = {name for name, field in fields.items() if field["required"]} | {"kind"} | (labels & set(fields))
        needed |= {"backbone"}  # or embeddings that are brought along
        request = {name: value for name, value in getattr(data, kind).items() if name in needed}
        assert client.post("/jobs", json=request).status_code == 202


def test_capabilities_tell_which_weights_are_here(data, tmp_path, empty_redis):
    (tmp_path / "efficientnet_b0.safetensors").touch()
    with TestClient(
        create_app(settings_for(data, tmp_path, empty_redis, weights_dir=tmp_path)), "http://localhost"
    ) as client:
        backbones = client.get("/capabilities").json()["backbones"]
    here = {backbone["name"]: backbone["weights_here"] for backbone in backbones}
    assert (here["b0"], here["resnet50"], here["descriptor"]) == (True, False, True)


def test_every_method_that_capabilities_list_is_accepted(client, data):
    for method in client.get("/capabilities").json()["methods"]:
        asked = {**data.selection, "task": method["tasks"][0], "method": method["name"]}
        if asked["task"] == "detection":
            del asked["path_to_labels"]  # those are of classes
        assert client.post("/jobs", json=asked).status_code == 202
        assert method["summary"]


def test_an_old_worker_does_not_count(client, empty_redis):
    with redis.Redis.from_url(empty_redis) as server:
        seconds, _ = server.time()
        server.zadd("nextlabel:workers", {"w": (seconds - 11) * 1000})
    assert client.get("/readyz").status_code == 503
