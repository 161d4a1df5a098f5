"""The app as a whole: what it imports, what its pages fetch, what it documents."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import isasyncgenfunction, iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPBearer

from nextlabel.api.app import create_app
from tests.api.support import routes_of

IMPORT_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "sklearn", "scipy", "safetensors"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Missing())
import nextlabel.api.app
nextlabel.api.app.create_app()
"""


def depended_on(dependant: Dependant) -> Iterator[Dependant]:
    """Yield what a call depends on, and what that depends on."""
    for depended in dependant.dependencies:
        yield depended
        yield from depended_on(depended)


def test_the_api_starts_where_no_worker_s_library_is_installed():
    subprocess.run([sys.executable, "-W", "error", "-c", IMPORT_WITHOUT], check=True, timeout=60)


def test_the_documentation_fetches_nothing_from_another_host(client):
    page = client.get("/docs")
    assert page.status_code == 200
    sources = re.findall(r"(?:src|href|url)\s*[=:]\s*[\"']([^\"']+)", page.text)
    assert len(sources) >= 4
    for source in sources:  # relative, so that they hold under a proxy's prefix, too
        assert not source.startswith("/")
        assert client.get(f"/{source}").status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_nothing_that_a_call_depends_on_takes_one_of_the_threads_that_are_for_redis():
    """FastAPI runs what is no coroutine in a thread, of which there are 40, at every call."""
    asked_for = {depended.call for route in routes_of(create_app()) for depended in depended_on(route.dependant)}
    assert len(asked_for) > 5
    plain = {asked for asked in asked_for if not iscoroutinefunction(asked) and not isasyncgenfunction(asked)}
    assert all(isinstance(asked, HTTPBearer) for asked in plain)  # a coroutine, too, by its __call__


def test_every_call_is_documented(client):
    document = client.get("/openapi.json")
    calls = {(verb, path) for path, verbs in document.json()["paths"].items() for verb in verbs}
    assert calls == {
        ("post", "/jobs"),
        ("get", "/jobs"),
        ("get", "/jobs/{job_id}"),
        ("delete", "/jobs/{job_id}"),
        ("post", "/jobs/{job_id}/cancel"),
        ("post", "/jobs/{job_id}/retry"),
        ("get", "/jobs/{job_id}/result"),
        ("get", "/jobs/{job_id}/events"),
        ("get", "/folders"),
        ("get", "/images"),
        ("post", "/export/size"),
        ("get", "/pool"),
        ("get", "/projects"),
        ("post", "/projects"),
        ("post", "/projects/forget"),
        ("get", "/labels/paces"),
        ("get", "/labels"),
        ("get", "/labels/boxes"),
        ("get", "/labels/boxes/images"),
        ("post", "/labels"),
        ("post", "/labels/boxes"),
        ("post", "/labels/boxes/settle"),
        ("get", "/labels/classes"),
        ("put", "/labels/classes"),
        ("post", "/labels/classes/change"),
        ("post", "/labels/classes/undo"),
        ("get", "/labels/validation"),
        ("post", "/labels/validation"),
        ("get", "/labels/notes"),
        ("post", "/labels/notes"),
        ("post", "/labels/settle"),
        ("post", "/report"),
        ("post", "/export"),
        ("get", "/hand-outs"),
        ("post", "/hand-outs/give-back"),
        ("get", "/capabilities"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/active_learning"),
        ("get", "/f1"),
    }
    assert "http://" not in document.text
    assert "https://" not in document.text


def test_the_documented_request_has_every_kind_and_its_fields(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert {"add", "method", "path_to_img"} <= set(schemas["SelectionRequest"]["properties"])
    assert "path_to_labels_val" in schemas["F1Request"]["properties"]
    assert {"code", "errors", "detail"} <= set(schemas["Problem"]["properties"])


def test_the_document_asks_for_the_kind_of_a_request(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name in ("SelectionRequest", "PredictionRequest", "F1Request"):
        assert "kind" in schemas[name]["required"]


def test_errors_are_documented_by_their_own_media_type(client):
    paths = client.get("/openapi.json").json()["paths"]
    for answers in (call["responses"] for verbs in paths.values() for call in verbs.values()):
        assert [*answers["4XX"]["content"]] == [*answers["5XX"]["content"]] == ["application/problem+json"]


def test_the_first_version_s_arguments_are_documented_as_required(client):
    paths = client.get("/openapi.json").json()["paths"]
    required = {one["name"] for one in paths["/active_learning"]["get"]["parameters"] if one["required"]}
    assert required == {"backbone", "add", "method", "path_to_labels", "path_to_img"}
