"""Pools in servers that speak as Google Cloud Storage does, and as Azure Blob Storage does.

    make test-objects

They are fake-gcs-server, which asks for no credentials, and Microsoft's own Azurite, which checks signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from obstore.store import AzureStore

from nextlabel.client.errors import Refused
from nextlabel.client.http import Client
from nextlabel.client.stack import free_port
from nextlabel.core.data.objects import Patience, objects_of
from tests.e2e.conftest import start
from tests.object_storage import DROP, Often, Relay, environment, refusal, until_up
from tests.pools import draw

pytestmark = pytest.mark.e2e
FAKE_GCS, AZURITE = os.environ.get("FAKE_GCS"), os.environ.get("AZURITE")
if FAKE_GCS is None or AZURITE is None:
    pytest.skip("make test-objects installs fake-gcs-server and Azurite, and names them", allow_module_level=True)
BUCKET, COUNT = "photos", 30
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's own
GOOGLES = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}


@dataclass
class Cloud:
    """A server with a bucket, and the relay that its users speak to. `environment`: where they find it."""

    scheme: str
    relay: Relay
    environment: dict[str, str]
    put: Callable[[str, bytes], object]

    @property
    def pool(self) -> str:
        return f"{self.scheme}://{BUCKET}/pool"

    def put_folder(self, folder: Path) -> None:
        for file in folder.iterdir():
            self.put(f"pool/{file.name}", file.read_bytes())

    def read(self) -> list[str]:
        """List what was read of images, and not of listings."""
        return [path for method, path in self.relay.asked if method == "GET" and "list" not in path]


@contextmanager
def google(folder: Path) -> Iterator[Cloud]:
    port = free_port()
    with Relay(port).running() as relay, google_server(port, relay, folder):
        until_up(f"http://127.0.0.1:{port}/_internal/healthcheck")
        account = folder / "account.json"
        account.write_text(json.dumps({"gcs_base_url": relay.url, **GOOGLES}))

        def ask(path: str, body: bytes, content_type: str) -> None:
            headers = {"Content-Type": content_type}
            asked = urllib.request.Request(f"{relay.url}{path}", body, headers, method="POST")
            urllib.request.urlopen(asked, timeout=10).close()

        def put(key: str, content: bytes) -> None:
            name = quote(key, safe="")
            ask(f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}", content, "image/png")

        ask("/storage/v1/b?project=tests", json.dumps({"name": BUCKET}).encode(), "application/json")
        yield Cloud("gs", relay, {"GOOGLE_SERVICE_ACCOUNT": str(account)}, put)


def google_server(port: int, relay: Relay, folder: Path) -> AbstractContextManager[None]:
    said = {"scheme": "http", "host": "127.0.0.1", "port": port, "backend": "memory"}
    said["public-host"] = relay.url.removeprefix("http://")  # the Host that it answers to
    return running([str(FAKE_GCS), *(f"-{name}={value}" for name, value in said.items())], folder / "gcs.txt")


@contextmanager
def azure(folder: Path) -> Iterator[Cloud]:
    port = free_port()
    command = [str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "azurite")]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    with running(command, folder / "azurite.txt"), Relay(port).running() as relay:
        until_listening(port)
        make_container(port)
        said = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY}
        said["AZURE_STORAGE_ENDPOINT"] = f"{relay.url}/{ACCOUNT}"
        own = {"account_name": ACCOUNT, "account_key": KEY, "endpoint": f"http://127.0.0.1:{port}/{ACCOUNT}"}
        store = AzureStore(BUCKET, client_options={"allow_http": True}, **own)
        yield Cloud("az", relay, said, store.put)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            yield
        finally:
            server.kill()


def until_listening(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.2)
        else:
            return


def make_container(port: int) -> None:
    """Signed by hand: obstore makes no containers."""
    date, version = formatdate(usegmt=True), "2021-08-06"
    named = f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    to_sign = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{named}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), to_sign.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    address = f"http://127.0.0.1:{port}/{ACCOUNT}/{BUCKET}?restype=container"
    asked = urllib.request.Request(address, headers=headers | {"Content-Length": "0"}, method="PUT")
    urllib.request.urlopen(asked, timeout=10).close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    draw(folder / "pool", red=COUNT // 3, green=COUNT // 3, blue=COUNT // 3)
    return folder


@pytest.fixture(scope="module")
def clouds(folder):
    with google(folder) as gs, azure(folder) as az:
        for cloud in (gs, az):
            cloud.put_folder(folder / "pool")
        yield {"gs": gs, "az": az}


@pytest.fixture(scope="module")
def stack(clouds, folder, tmp_path_factory):
    roots = f"{folder}," + ",".join(f"{scheme}://{BUCKET}" for scheme in clouds)
    more = {"NEXTLABEL_DATA_ROOTS": roots, "NEXTLABEL_BUCKET_PATIENCE_S": "60"}
    for cloud in clouds.values():
        more |= cloud.environment
    with start(tmp_path_factory.mktemp("clouds-stack"), **more) as running:
        yield running


@pytest.fixture
def client(stack):
    with Client(stack.url) as client:
        yield client


@pytest.fixture(params=["gs", "az"])
def cloud(request, clouds):
    cloud = clouds[request.param]
    cloud.relay.asked.clear()
    yield cloud
    cloud.relay.fault = lambda _method, _path: None


def selection(pool, **more):
    return {"backbone": "descriptor", "path_to_img": str(pool), "add": 6, **more}


def test_the_picks_are_those_of_the_folder_and_nothing_is_read_twice(client, cloud, folder):
    cloud.relay.fault = Often(refusal(503, "ServerBusy"))
    result = client.select(**selection(cloud.pool))
    cloud.relay.fault = lambda _method, _path: None
    assert result.data == client.select(**selection(folder / "pool")).data
    assert not result.skipped
    cloud.relay.asked.clear()
    assert client.select(**selection(cloud.pool, seed=1)).data
    assert cloud.read() == []


def test_a_changed_object_is_read_anew_and_one_that_vanishes_is_a_warning(client, cloud, folder):
    client.select(**selection(cloud.pool))
    cloud.relay.asked.clear()
    cloud.put("pool/red_5.png", (folder / "pool" / "red_6.png").read_bytes())
    cloud.put("pool/blue_5.png", (folder / "pool" / "blue_6.png").read_bytes())
    cloud.relay.fault = lambda _method, path: refusal(404, "NoSuchKey") if "blue_5" in unquote(path) else None
    result = client.select(**selection(cloud.pool))
    assert {unquote(path).rpartition("/")[2] for path in cloud.read()} == {"blue_5.png", "red_5.png"}
    assert [(one.name, "deleted or renamed" in one.reason) for one in result.skipped] == [("blue_5.png", True)]


def test_a_listing_goes_on_behind_a_key(clouds, cloud):
    with environment(**cloud.environment):
        objects_of.cache_clear()
        objects = objects_of(cloud.scheme, BUCKET)
        listed = [meta.key for page in objects.pages("pool", Patience()) for meta in page]
        rest = [meta.key for page in objects.pages("pool", Patience(), after=listed[9]) for meta in page]
    objects_of.cache_clear()
    assert len(listed) == COUNT
    assert rest == listed[10:]


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "NoSuchBucket", "spelling of the bucket"),
        (404, "ContainerNotFound", "spelling of the bucket"),
        (403, "AccessDenied", r"storage\.objects\.list|Storage Blob Data Reader"),
        (403, "AuthenticationFailed", "access key"),
    ],
)
def test_what_it_refuses_is_told_with_cause_and_remedy(client, cloud, status, code, said):
    cloud.relay.fault = lambda _method, _path: refusal(status, code)
    with pytest.raises(Refused, match=f"{cloud.pool} can't be listed .{code}.*({said})"):
        client.submit({"kind": "selection", **selection(cloud.pool)})


def test_a_container_that_is_not_there_is_told(clouds, stack):
    with environment(**clouds["az"].environment):
        objects_of.cache_clear()
        with pytest.raises(Exception, match=r"az://absent can't be listed .ContainerNotFound"):
            list(objects_of("az", "absent").pages("", Patience(0)))
    objects_of.cache_clear()


def test_a_wrong_key_of_azure_is_told(clouds):
    wrong = {"AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"another").decode()}
    with environment(**clouds["az"].environment | wrong):
        objects_of.cache_clear()
        with pytest.raises(Exception, match=r"can't be listed .AuthorizationFailure.*mind the key"):
            list(objects_of("az", BUCKET).pages("pool", Patience(0)))
    objects_of.cache_clear()


def test_connections_are_lost_and_the_picks_are_the_same(client, cloud, folder):
    for file in (folder / "pool").iterdir():
        cloud.put(f"lost/{file.name}", file.read_bytes())
    cloud.relay.fault = Often(DROP)
    result = client.select(**selection(f"{cloud.scheme}://{BUCKET}/lost"))
    assert result.data == client.select(**selection(folder / "pool")).data
