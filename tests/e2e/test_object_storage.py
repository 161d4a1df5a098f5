"""Pools in a bucket, from a real server of buckets to the page: what a folder can, they can."""

from __future__ import annotations

import io
import json

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.client.errors import JobFailed, Refused
from nextlabel.client.main import cli
from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.objects import objects_of
from tests.e2e.conftest import start
from tests.object_storage import KEY, SECRET, refusal
from tests.pools import class_of, draw

pytestmark = pytest.mark.e2e
BUCKET = "photos"
POOL, VAL = f"s3://{BUCKET}/shop/pool", f"s3://{BUCKET}/shop/val"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same photos on a disk, and their labels."""
    folder = tmp_path_factory.mktemp("bucket")
    draw(folder / "pool", red=12, green=12, blue=12)
    val = draw(folder / "val", red=4, green=4, blue=4)
    write_labels(folder / "val.txt", [(name, class_of(name)) for name in val])
    first = [f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(3)]
    write_labels(folder / "labels.txt", [(name, class_of(name)) for name in first])
    return folder


@pytest.fixture(scope="module")
def served(storage, folder):
    """A bucket with them, and other things in it."""
    storage.make(BUCKET)
    storage.put_folder(folder / "pool", BUCKET, "shop/pool")
    storage.put_folder(folder / "val", BUCKET, "shop/val")
    storage.put(BUCKET, "shop2/secret.png", b"of others")
    storage.put(BUCKET, "secret.png", b"of others")
    return storage


@pytest.fixture(scope="module")
def stack(served, folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("bucket-stack")
    more = {"NEXTLABEL_DATA_ROOTS": f"{folder},s3://{BUCKET}/shop", "NEXTLABEL_BUCKET_PATIENCE_S": "3"}
    with start(place, **more, **served.environment) as running:
        yield running


@pytest.fixture
def asked(served):
    """What is asked of the storage from now on."""
    served.relay.asked.clear()
    yield served.relay
    served.relay.fault = lambda _method, _path: None


def selection(pool, **more):
    return {"backbone": "descriptor", "path_to_img": pool, "path_to_labels": "labels.txt", "add": 6, **more}


def test_the_same_photos_give_the_same_picks_and_are_read_once(client, folder, asked):
    on_disk = client.select(**selection(str(folder / "pool")))
    job = client.submit({"kind": "selection", **selection(POOL)})
    in_bucket = client.wait(job.id, timeout_s=60).result
    assert in_bucket.data == on_disk.data
    assert in_bucket.items == on_disk.items
    assert len(asked.fetched()) == 36

    asked.asked.clear()
    assert client.select(**selection(POOL, seed=1)).data
    assert asked.fetched() == []


def test_a_changed_object_is_read_anew_and_one_that_vanishes_is_a_warning(client, served, folder, asked):
    client.select(**selection(POOL))
    asked.asked.clear()
    served.put(BUCKET, "shop/pool/red_5.png", (folder / "pool" / "red_6.png").read_bytes())
    client.select(**selection(POOL))
    assert asked.fetched() == [f"/{BUCKET}/shop/pool/red_5.png"]

    served.put(BUCKET, "shop/pool/blue_5.png", (folder / "pool" / "blue_6.png").read_bytes())  # not read yet, and gone
    asked.fault = lambda _method, path: refusal(404, "NoSuchKey") if path.endswith("blue_5.png") else None
    result = client.select(**selection(POOL))
    assert [(one.name, "deleted or renamed" in one.reason) for one in result.skipped] == [("blue_5.png", True)]


@pytest.mark.parametrize(
    "request_",
    [
        {"kind": "prediction", "path_to_img": POOL, "path_to_labels": "labels.txt"},
        {"kind": "label_check", "path_to_img": POOL, "path_to_labels": "labels.txt"},
        {"kind": "similar", "path_to_img": POOL, "like": ["red_0.png"], "add": 3},
        {"kind": "selection", "path_to_img": POOL, "add": 3, "content": True},
        {
            "kind": "f1",
            "path_to_img_train": POOL,
            "path_to_labels_train": "labels.txt",
            "path_to_img_val": VAL,
            "path_to_labels_val": "val.txt",
        },
    ],
    ids=lambda request: request["kind"],
)
def test_other_kinds_read_buckets_too(client, request_):
    job = client.submit({"backbone": "descriptor", **request_})
    assert client.wait(job.id, timeout_s=60).state == "succeeded"


def test_the_page_chooses_folders_of_buckets_and_shows_their_images(stack, folder):
    def listed(path=None):
        return httpx.get(f"{stack.url}/folders", params={"path": path} if path else {}).json()

    assert listed()["folders"] == [str(folder), f"s3://{BUCKET}/shop"]
    shop = listed(f"s3://{BUCKET}/shop")
    assert (shop["folders"], shop["parent"]) == ([POOL, VAL], None)
    assert shop["path_to_labels"] == f"{folder}/{BUCKET}--shop"
    pool = listed(POOL)
    assert (pool["images"], pool["parent"]) == (36, f"s3://{BUCKET}/shop")

    def image(**query):
        return httpx.get(f"{stack.url}/images", params={"path_to_img": POOL, **query}, headers=known)

    known: dict[str, str] = {}
    sent = image(name="red_1.png")
    assert Image.open(io.BytesIO(sent.content)).size == (24, 24)
    known["If-None-Match"] = sent.headers["ETag"]
    assert image(name="red_1.png").status_code == 304
    assert image(name="gone.png").status_code == 404
    assert image(name="../../secret.png").status_code == 404


def test_what_lies_outside_a_root_is_never_asked_for(client, stack, asked):
    for path in (f"s3://{BUCKET}", f"s3://{BUCKET}/shop2", f"{POOL}/../../shop2", f"{POOL}//", "s3://other/shop"):
        with pytest.raises(Refused, match=r"not under the data roots|The path can't be read"):
            client.submit({"kind": "selection", **selection(path)})
        assert httpx.get(f"{stack.url}/folders", params={"path": path}).status_code == 422
        query = {"path_to_img": path, "name": "secret.png"}
        assert httpx.get(f"{stack.url}/images", params=query).status_code == 422
    assert asked.asked == []


def test_labels_in_a_bucket_are_refused_in_a_sentence(client):
    with pytest.raises(Refused, match="Only images are read from a bucket"):
        client.submit({"kind": "selection", **selection(POOL, path_to_labels=f"s3://{BUCKET}/shop/labels.txt")})


def test_storage_that_refuses_is_told_with_bucket_cause_and_remedy_and_without_secrets(client, stack, asked):
    asked.fault = lambda _method, _path: refusal(403, "AccessDenied")
    with pytest.raises(Refused, match=f"{POOL} can't be listed .AccessDenied.*s3:ListBucket") as caught:
        client.submit({"kind": "selection", **selection(POOL)})
    assert SECRET not in str(caught.value)
    asked.fault = lambda _method, _path: refusal(503, "SlowDown")
    answer = httpx.get(f"{stack.url}/folders", params={"path": POOL}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (503, "bucket_unavailable")


def test_a_token_that_expires_under_a_job_is_waited_for_and_then_told(client, served, folder, stack, asked):
    for i in range(12):
        served.put(BUCKET, f"shop/late/{i}.png", (folder / "pool" / f"red_{i}.png").read_bytes())
    asked.fault = lambda method, path: (
        refusal(400, "ExpiredToken") if method == "GET" and path.endswith(".png") else None
    )
    job = client.submit(
        {"kind": "selection", "backbone": "descriptor", "path_to_img": f"s3://{BUCKET}/shop/late", "add": 3}
    )
    with pytest.raises(JobFailed, match="The token of the service is too old") as caught:
        client.wait(job.id, timeout_s=60)
    assert caught.value.job.error.code == "bucket_unavailable"
    assert [warning.code for warning in client.job(job.id).warnings] == ["bucket_waited_for"]
    told = (stack.state_dir.parent / "log.txt").read_text() + json.dumps(httpx.get(f"{stack.url}/jobs/{job.id}").json())
    assert KEY not in told
    assert SECRET not in told


def test_the_command_line_takes_buckets_and_exports_images_from_them(served, folder, stack, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    objects_of.cache_clear()

    def run(*words):
        ran = CliRunner().invoke(cli, [*words], env=served.environment)
        assert ran.exit_code == 0, ran.output
        return ran.output

    asked_for = ["--labels", "labels.txt", "--add", "4", "--backbone", "descriptor", "--url", stack.url]
    run("select", POOL, *asked_for, "-o", str(tmp_path / "next.txt"))
    assert len((tmp_path / "next.txt").read_text().splitlines()) == 4
    run("export", "cvat", "--labels", "labels.txt", "--pool", POOL, "--out", str(tmp_path / "cvat"))
    assert len([*(tmp_path / "cvat" / "images").iterdir()]) == 9
    run("export", "image-folder", "--labels", "labels.txt", "--pool", POOL, "--out", str(tmp_path / "folders"))
    copied = {path.name: path.read_bytes() for path in (tmp_path / "folders" / "red").iterdir()}
    assert copied == {name: (folder / "pool" / name).read_bytes() for name in ("red_0.png", "red_1.png", "red_2.png")}
    assert f"9 of 36 images in {POOL}" in run("labels", "check", "labels.txt", "--pool", POOL)
    refused = CliRunner().invoke(cli, ["labels", "check", "labels.txt", "--pool", "s3://a:b@c"])
    assert "no user, password" in refused.output
