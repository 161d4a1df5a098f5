import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import numpy as np
import pytest

from nextlabel.core.data import objects
from nextlabel.core.data.bucket import Bucket
from nextlabel.core.data.objects import Patience, objects_of
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool, look_up
from nextlabel.core.data.read_ahead import MOST_AT_ONCE
from nextlabel.core.data.roots import confine
from nextlabel.core.data_roots import BucketUrl, Roots, bucket_url
from nextlabel.core.errors import (
    BucketUnavailable,
    EmptyPool,
    PathNotAllowed,
    PathNotFound,
    PathNotReadable,
    PathWrongKind,
    UnreadableImage,
)
from tests.object_storage import DROP, KEY, KEYS_OF_A_PAGE, SECRET, environment, refusal


@pytest.fixture(scope="module")
def served(storage):
    objects_of.cache_clear()
    with environment(**storage.environment):
        yield storage
    objects_of.cache_clear()


@pytest.fixture
def bucket(served):
    name = f"b-{uuid4().hex[:12]}"
    served.make(name)
    served.relay.asked.clear()
    yield name
    served.relay.fault, served.relay.delay_s = lambda _method, _path: None, 0.0


@pytest.fixture
def put(served, bucket):
    def put(*keys, content=b"x"):
        served.put_all(bucket, dict.fromkeys(keys, content))

    return put


def place(bucket, prefix="photos", **more):
    url = BucketUrl("s3", bucket, prefix)
    return place_at(str(url), Roots((), [BucketUrl("s3", bucket)]), **more)


def content(place, name):
    with place.open(name) as file:
        return file.read()


# --- what is there ------------------------------------------------------------------------------------------------


def test_names_are_those_below_the_prefix_and_odd_ones_are_what_they_are(bucket, put):
    odd = ["b c.jpg", "ü.jpg", "%2e%2e.jpg", "q?x#y.jpg", "plus+.jpg", "😀.jpg", "sub/z.PNG"]
    put(*(f"photos/{name}" for name in odd), "photos2/no.jpg", "photos.jpg", "photos/notes.txt", "photos/.hidden/a.jpg")
    there = place(bucket)
    assert list(there.list().names) == sorted(odd)
    assert [content(there, name) for name in odd] == [b"x"] * len(odd)
    assert all(map(there.has, odd))


def test_what_looks_like_an_image_and_is_not_read_is_named(bucket, put):
    put("photos/a.jpg", "photos/b.svg", "photos/c.jpg_large")
    files = place(bucket).list()
    assert [one.name for one in files.skipped] == ["b.svg", "c.jpg_large"]


def test_a_mark_of_a_folder_is_no_image_and_makes_no_name_twice(served, bucket, put):
    put("photos/a.jpg", content=b"an image")
    for mark in ("photos/", "photos/sub/", "photos/a.jpg/"):
        served.put_odd(bucket, mark)
    files = place(bucket).list()
    assert (files.names, files.sizes.tolist()) == (("a.jpg",), [8])


def test_all_pages_are_listed_and_counted(bucket, put, monkeypatch):
    monkeypatch.setattr(objects, "PAGE", KEYS_OF_A_PAGE)
    put(*(f"photos/{i:03}.jpg" for i in range(KEYS_OF_A_PAGE + 5)))
    counts = []
    assert len(list_pool(place(bucket, listed=counts.append))) == counts[-1] == KEYS_OF_A_PAGE + 5
    assert counts[0] == KEYS_OF_A_PAGE


def test_the_stamp_is_that_of_the_content_and_of_what_was_fetched(bucket, put):
    put("photos/a.jpg", "photos/same.jpg", content=b"one")
    there = place(bucket)
    before = there.list()
    with there.open("a.jpg") as file:
        assert there.stamp_of(file) == before.stamps[0] == there.stamp("a.jpg")
    put("photos/a.jpg", content=b"two")
    after = there.list()
    assert after.stamps[0] != before.stamps[0]
    assert after.stamps[1] == before.stamps[1]


def test_some_names_are_looked_up_alone(bucket, put, served):
    put("photos/a.jpg", "photos/b.jpg", "photos/c.svg")
    pool = look_up(place(bucket), ["a.jpg", "gone.jpg", "c.svg", "../a.jpg"])
    assert pool.names == ("a.jpg",)
    assert [one.name for one in pool.skipped] == ["c.svg"]
    assert not any("list-type" in path for _, path in served.relay.asked)
    assert np.array_equal(pool.stamps, list_pool(place(bucket)).stamps[:1])


def test_a_prefix_without_an_image_is_an_empty_pool(bucket, put):
    put("photos/readme.txt")
    assert not place(bucket).has_an_image()
    with pytest.raises(EmptyPool, match=bucket):
        list_pool(place(bucket))
    put("photos/sub/a.jpg")
    assert place(bucket).has_an_image()


def test_what_vanishes_is_said_and_where_a_copy_lies_is_known(bucket, put):
    put("photos/a.jpg")
    there = place(bucket)
    assert not there.has("b.jpg")
    with pytest.raises(UnreadableImage, match="deleted or renamed"):
        there.open("b.jpg")
    assert there.identity("a.jpg") == place(bucket, "").identity("photos/a.jpg")
    assert place_at(there.key, Roots((), [BucketUrl("s3", bucket)])).key == there.key


def test_a_key_that_no_path_can_be_is_named_with_its_remedy(served, bucket, put):
    put("photos/a.jpg")
    served.put_odd(bucket, "photos/sub//b.jpg")
    with pytest.raises(PathNotReadable, match=r"'photos/sub//b.jpg'.* Rename that object"):
        place(bucket).list()


# --- what is allowed ----------------------------------------------------------------------------------------------

ROOTS = Roots((), [BucketUrl("s3", "photos", "pre")])


@pytest.mark.parametrize("path", ["s3://photos/pre", "s3://photos/pre/", "s3://photos/pre/a/b"])
def test_what_lies_below_a_root_is_allowed(path):
    assert isinstance(place_at(path, ROOTS), Bucket)


@pytest.mark.parametrize(
    "path",
    [
        "s3://photos",
        "s3://photos/prefix2",
        "s3://photos/pre2/a",
        "s3://other/pre",
        "gs://photos/pre",
        "s3://photos/pre/../prefix2",
        "s3://photos/pre/./a",
        "s3://photos/pre//a",
        "s3://photos//pre",
        "s3:///photos/pre",
        "s3://photos/pre/%2e%2e/../x",
        "s3://photos%2fpre/pre",
        "s3://photos/pre/a\0b",
        "s3://photos/pre/a\nb",
        "s3://photos/pre/\ud800",
        "s3://photos/pre/.git",
        "s3://photos/pre?versionId=1",
        "s3://photos/pre#x",
        "s3://169.254.169.254:80/pre",
        "s3://[::1]/pre",
        "s3://user:secret@photos/pre",
        "s3:/photos/pre",
        "s3://",
    ],
)
def test_what_lies_elsewhere_or_is_no_bucket_is_refused(path):
    with pytest.raises(PathNotAllowed) as caught:
        place_at(path, ROOTS)
    assert "secret" not in caught.value.detail
    assert "\n" not in caught.value.detail


def test_percent_signs_are_letters_of_a_key():
    assert place_at("s3://photos/pre/%2e%2e", ROOTS).key == "s3://photos/pre/%2e%2e"


def test_names_do_not_lead_out_of_the_prefix(bucket, put):
    put("secret.jpg", "photos/a.jpg", "photos/.hidden.jpg")
    there = place(bucket)
    for name in ("../secret.jpg", "/secret.jpg", ".hidden.jpg", "a/../../secret.jpg", "a\0.jpg"):
        with pytest.raises(PathNotAllowed):
            there.has(name)
    for name in ("../secret.jpg", "a//b.jpg", "./a.jpg", "", "\ud800.jpg"):
        with pytest.raises(UnreadableImage):
            there.open(name)


def test_no_label_is_read_from_a_bucket_and_folders_are_no_buckets(tmp_path):
    with pytest.raises(PathWrongKind, match="Only images are read from a bucket"):
        confine("s3://photos/pre/labels.txt", ROOTS)
    with pytest.raises(PathNotAllowed, match=f"{tmp_path}"):
        place_at("s3://photos/pre", [tmp_path])
    with pytest.raises(ValueError, match="begins with"):
        bucket_url("https://photos/pre")


# --- what fails ---------------------------------------------------------------------------------------------------

LISTING = "list-type"
CAUSES = [
    (404, "NoSuchBucket", PathNotFound, "spelling of the bucket"),
    (403, "AccessDenied", PathNotReadable, "s3:ListBucket"),
    (403, "InvalidAccessKeyId", PathNotReadable, "access key"),
    (403, "SignatureDoesNotMatch", PathNotReadable, "access key"),
    (403, "RequestTimeTooSkewed", PathNotReadable, "clock"),
    (400, "AuthorizationHeaderMalformed", PathNotReadable, "AWS_REGION"),
    (301, "a redirect", PathNotReadable, "AWS_REGION"),
    (400, "ExpiredToken", BucketUnavailable, "token"),
    (503, "SlowDown", BucketUnavailable, "too much"),
    (500, "InternalError", BucketUnavailable, "status 500"),
    (403, "AuthorizationFailure", PathNotReadable, "network rules"),
    (418, "Teapot", PathNotReadable, "endpoint"),
]


@pytest.mark.parametrize(("status", "code", "error", "remedy"), CAUSES)
def test_a_refused_listing_names_bucket_cause_and_remedy(served, bucket, status, code, error, remedy):
    served.relay.fault = lambda _method, _path: refusal(status, code)
    with pytest.raises(error, match=remedy) as caught:
        list_pool(place(bucket, patience=Patience(0)))
    assert f"s3://{bucket}/photos can't be listed" in caught.value.detail
    assert (code in caught.value.detail) != (status == 500)
    assert not any(word in caught.value.detail for word in (KEY, SECRET, "127.0.0.1"))


def test_who_may_list_and_not_read_hears_it_of_the_object(served, bucket, put):
    put("photos/a.jpg")
    served.relay.fault = lambda _method, path: None if LISTING in path else refusal(403, "AccessDenied")
    there = place(bucket)
    assert there.list().names == ("a.jpg",)
    with pytest.raises(UnreadableImage, match=f"s3://{bucket}/photos/a.jpg can't be fetched.*s3:GetObject"):
        there.open("a.jpg")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_an_endpoint_where_nobody_is_is_told(bucket, monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    objects_of.cache_clear()
    with pytest.raises(BucketUnavailable, match=r"nothing listens at the endpoint|is not known"):
        list_pool(place(bucket, patience=Patience(0)))
    objects_of.cache_clear()


def test_a_bucket_that_is_not_there_is_told(served):
    with pytest.raises(PathNotFound, match="not-there"):
        list_pool(place("not-there"))


# --- what passes --------------------------------------------------------------------------------------------------


class Sometimes:
    """Fails as `fault` says, at every second request that it is about."""

    def __init__(self, fault):
        self.fault, self.count = fault, 0

    def __call__(self, _method, _path):
        self.count += 1
        return self.fault if self.count % 2 else None


@pytest.mark.parametrize("fault", [DROP, refusal(503, "SlowDown"), refusal(500, "InternalError")])
def test_what_passes_is_tried_again(served, bucket, put, fault):
    put("photos/a.jpg")
    served.relay.fault = Sometimes(fault)
    there = place(bucket)
    assert there.list().names == ("a.jpg",)
    assert there.has("a.jpg")
    assert content(there, "a.jpg") == b"x"


def test_a_listing_that_breaks_off_goes_on_behind_its_last_key(served, bucket, put, monkeypatch):
    monkeypatch.setattr(objects, "PAGE", KEYS_OF_A_PAGE)
    put(*(f"photos/{i:03}.jpg" for i in range(KEYS_OF_A_PAGE + 5)))
    broken = []

    def once(_method, path):
        if "continuation-token" in path and not broken:
            broken.append(path)
            return DROP
        return None

    served.relay.fault = once
    assert len(place(bucket).list()) == KEYS_OF_A_PAGE + 5
    assert any(f"start-after=photos%2F{KEYS_OF_A_PAGE - 1:03}.jpg" in path for _, path in served.relay.asked)


def test_somebody_patient_says_what_is_waited_for_and_can_be_stopped(served, bucket):
    served.relay.fault = lambda _method, _path: refusal(400, "ExpiredToken")
    said, patience = [], Patience(60)

    def stop(why):
        said.append(why)
        patience.stop.set()

    patience.waiting = stop
    with pytest.raises(BucketUnavailable):
        list_pool(place(bucket, patience=patience))
    assert "ExpiredToken" in said[0]


def test_the_credentials_of_a_role_are_fetched_anew_before_they_end(served, bucket, put, monkeypatch, tmp_path):
    put("photos/a.jpg")
    served.relay.delay_s = 0.15  # obstore takes what it was given a tenth of a second ago for good
    lasts_s = iter([1, 3600])  # the second ones go on
    given = []

    class Role(BaseHTTPRequestHandler):
        def do_GET(self):
            ends = datetime.now(UTC) + timedelta(seconds=next(lasts_s))
            given.append({"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": f"token {len(given)}"})
            body = json.dumps(given[-1] | {"Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Role) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        (tmp_path / "of-the-pod").write_text("who I am")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "of-the-pod"))
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/credentials")
        objects_of.cache_clear()
        there = place(bucket)
        asked = []
        for _ in range(3):
            assert content(there, "a.jpg") == b"x"
            asked.append(len(given))
        server.shutdown()
    objects_of.cache_clear()
    assert asked == [1, 2, 2]


def test_storage_that_lists_from_its_first_key_whatever_it_is_asked_for_gives_none_twice(bucket, put):
    put("photos/a.jpg", "photos/b.jpg", "photos/c.jpg")
    there = place(bucket)._objects
    everything = there._store.list

    class Forgetful:
        def list(self, prefix, *, offset, chunk_size):
            return everything(prefix, chunk_size=chunk_size)

    there._store = Forgetful()
    try:
        (page,) = there.pages("photos", Patience(0), after="photos/b.jpg")
    finally:
        objects_of.cache_clear()
    assert [meta.key for meta in page] == ["photos/c.jpg"]


def test_a_stamp_is_the_same_with_and_without_quotes_around_its_etag():
    said = {"size": 3, "last_modified": datetime(2026, 11, 28, tzinfo=UTC)}
    one, other, without = (objects._stamp(said | {"e_tag": etag}) for etag in ("0x1C2F", '"0x1C2F"', None))
    assert one == other != without


# --- ahead --------------------------------------------------------------------------------------------------------


def test_many_requests_are_on_their_way_where_storage_is_slow(served, bucket, put):
    names = [f"{i:03}.jpg" for i in range(40)]
    put(*(f"photos/{name}" for name in names))
    served.relay.delay_s, served.relay.most_at_once = 0.5, 0
    ahead = place(bucket).ahead(names, [1] * len(names), 10)
    for name in names:
        with ahead.open(name) as file:
            assert file.read() == b"x"
    assert 10 < served.relay.most_at_once <= MOST_AT_ONCE
    ahead.close()
    assert len(served.relay.fetched()) == len(names)


def test_what_lies_ready_is_bounded_by_its_bytes(served, bucket, put, monkeypatch):
    monkeypatch.setattr("nextlabel.core.data.read_ahead.MOST_BYTES", 30)
    names = [f"{i:03}.jpg" for i in range(12)]
    put(*(f"photos/{name}" for name in names))
    ahead = place(bucket).ahead(names, [10] * len(names), 10)
    ahead.open(names[0])
    time.sleep(0.3)
    assert len(served.relay.fetched()) <= 4
    assert [ahead.open(name).read() for name in names[1:]] == [b"x"] * 11
    ahead.close()


def test_throttled_fewer_are_on_their_way_and_all_arrives(served, bucket, put):
    names = [f"{i:03}.jpg" for i in range(40)]
    put(*(f"photos/{name}" for name in names))
    until = time.monotonic() + 0.2

    def throttle(_method, _path):
        return refusal(503, "SlowDown") if time.monotonic() < until else None

    served.relay.fault = throttle
    ahead = place(bucket).ahead(names, [1] * len(names), 30)
    assert [ahead.open(name).read() for name in names] == [b"x"] * len(names)
    assert ahead._at_once < MOST_AT_ONCE
    ahead.close()


def test_closing_ends_whoever_waits(served, bucket, put):
    put("photos/a.jpg")
    served.relay.fault = lambda _method, _path: refusal(503, "SlowDown")
    ahead = place(bucket).ahead(["a.jpg"], [1], 60)
    threading.Timer(0.5, ahead.close).start()
    began = time.monotonic()
    with pytest.raises(BucketUnavailable):
        ahead.open("a.jpg")
    assert time.monotonic() - began < 5


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    objects_of.cache_clear()
    with pytest.raises(PathNotReadable, match=r"nextlabel\[objects\]"):
        place_at("s3://photos/pre", ROOTS)
    objects_of.cache_clear()
