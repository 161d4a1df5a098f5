"""The steps of the images are held against what they rest on. tests/compose builds and runs them, where Docker is."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest
import redis
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nextlabel.client.redis_server import find_redis_server
from nextlabel.core.errors import Misconfigured
from nextlabel.core.keys import check_access
from nextlabel.core.settings import Settings
from tests.wheel import build, built, contents, packaged, tracked

REPO = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())
FILES = ("docker-compose.yaml", "docker-compose.cpu.yaml")
IMAGES = {"api": ("api", "objects"), "worker": ("worker", "cpu", "objects")}  # and their extras
LISTS = {"api": ("api",), "worker": ("torch", "worker")}  # what they install, in deploy/requirements
OURS = {"DATA", "LABELS", "WEIGHTS", "LISTEN", "KEYS", "AUTH", "REDIS", "WORKERS", "WORKER_MEMORY"}  # what it names


# --- reading the files ----------------------------------------------------------------------------------------------


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's own tag, which stands for the value beneath it."""


ComposeLoader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def compose(name="docker-compose.yaml"):
    return yaml.load((REPO / name).read_text(), ComposeLoader)


def service(name):
    return compose()["services"][name]


def mounts(name):
    """The volumes of the service, each under the path it is mounted at."""
    volumes = (v if isinstance(v, dict) else _short_syntax(v) for v in service(name)["volumes"])
    return {volume["target"]: volume for volume in volumes}


def _short_syntax(volume):
    source, target, *mode = volume.rsplit(":", 2) if volume.endswith(":ro") else volume.rsplit(":", 1)
    source = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", source)
    return {"source": source, "target": target, "read_only": mode == ["ro"]}


def steps(image, word):
    """The arguments of each instruction of that name in the image's Dockerfile."""
    return [line.removeprefix(word).strip() for line in dockerfile(image).splitlines() if line.startswith(f"{word} ")]


def stages(image):
    """The text of each stage: the one that builds the page, the one that builds the wheel, and the image itself."""
    return re.split(r"^FROM .*\n", dockerfile(image), flags=re.MULTILINE)[1:]


def dockerfile(image):
    return (REPO / f"Dockerfile.{image}").read_text().replace("\\\n", " ")


def sent_to_docker():
    """The tracked files that .dockerignore lets through to `COPY . .`."""
    allowed = {line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert [name for name in allowed if not (REPO / name).exists()] == []
    return [name for name in tracked() if name.partition("/")[0] in allowed]


def pip_installs(image):
    return [shlex.split(step) for step in steps(image, "RUN") if step.startswith("pip install")]


# --- the images -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_installs_what_has_the_hash_that_is_written_down_and_then_the_wheel(image):
    checked = ["pip", "install", "--no-cache-dir", "--no-deps", "--require-hashes", "-r"]
    assert pip_installs(image) == [
        [*checked, "deploy/requirements/build.txt"],
        [*checked, "requirements.txt"],
        ["pip", "install", "--no-cache-dir", "--no-deps", "--no-index", "nextlabel-*.whl", "&&", "pip", "check"],
    ]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_no_code_but_the_wheel(image):
    *_, itself = stages(image)
    copied = re.findall(r"^COPY (.*)$", itself, re.MULTILINE)
    assert set(copied) - {"deploy/requirements/torch.txt ./"} == {
        f"deploy/requirements/{image}.txt requirements.txt",
        "--from=wheel /dist/*.whl ./",
    }


def test_the_wheel_that_docker_builds_is_the_one_that_everybody_else_installs(tmp_path):
    assert contents(build(tmp_path, [*sent_to_docker(), *built()])) == packaged()


@pytest.mark.parametrize("image", IMAGES)
def test_the_page_is_built_from_its_locked_sources_and_lies_where_the_wheel_is_built(image):
    page, wheel, _ = stages(image)
    assert "COPY api/page/package.json api/page/package-lock.json ./\nRUN npm ci" in page
    assert page.index("RUN npm ci") < page.index("COPY api/page ./\nRUN npm run build")
    assert wheel.index("COPY --from=page /api/static api/static") < wheel.index("RUN pip wheel")
    assert {"**/node_modules", "api/static"} <= set((REPO / ".dockerignore").read_text().splitlines())


@pytest.mark.parametrize("name", ["build", *LISTS["api"], *LISTS["worker"]])
def test_a_list_has_the_tested_versions_with_a_hash_for_each_file(name):
    pins = {line.partition("==")[0]: line.partition(";")[0].strip() for line in _pins()}
    listed = _listed(name)
    assert all(pins[name] == f"{name}=={version}" for name, (version, _) in listed.items())
    assert all(hashes for _, hashes in listed.values())


@pytest.mark.parametrize("image", IMAGES)
def test_the_list_of_an_image_has_all_that_it_asks_for(image):
    assert _closure(_direct(image)) <= _listed(*LISTS[image]).keys()


def test_what_is_gigabytes_is_in_a_layer_that_stays_while_only_code_or_other_packages_change():
    order = ("torch.txt", "requirements.txt", "*.whl", "LABEL ")
    places = [stages("worker")[-1].index(word) for word in order]
    assert places == sorted(places)
    heavy = re.compile("torch|triton|nvidia-|cuda-")
    assert {"torch", "torchvision"} <= _listed("torch").keys()
    assert [name for name in _listed("torch") if not heavy.match(name)] == []
    assert [name for name in _listed("worker") if heavy.match(name)] == []


def test_with_an_index_of_its_own_torch_is_taken_by_its_version_and_brings_no_cuda():
    (asked,) = re.findall(r"sed -n -E '([^']+)' torch.txt", dockerfile("worker"))
    done = subprocess.run(
        ["sed", "-n", "-E", asked, REPO / "deploy/requirements/torch.txt"], check=True, capture_output=True, text=True
    )
    wanted = [f"{name}=={version}" for name, (version, _) in _listed("torch").items() if name.startswith("torch")]
    assert done.stdout.split() == wanted
    assert len(wanted) == 2


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_labelled_with_the_version_and_the_licence_of_the_package(image):
    told = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', dockerfile(image)))
    about = PYPROJECT["project"]
    assert (told["version"], told["licenses"]) == (about["version"], about["license"])


def _listed(*lists):
    """-> {name: (version, hashes)} of lists in deploy/requirements."""
    texts = [(REPO / f"deploy/requirements/{name}.txt").read_text().replace("\\\n", " ") for name in lists]
    lines = (line.split() for text in texts for line in text.splitlines())
    return {
        words[0].partition("==")[0]: (words[0].partition("==")[2], [w for w in words if w.startswith("--hash=sha256:")])
        for words in lines
    }


def test_the_pins_name_versions_that_any_index_has():
    assert [line for line in _pins() if line.startswith("-") or "+" in line or " @ " in line] == []


@pytest.mark.parametrize("image", IMAGES)
def test_every_dependency_of_an_image_is_pinned(image):
    pinned = {canonicalize_name(line.split("==")[0]) for line in _pins() if "==" in line}
    assert {canonicalize_name(Requirement(line).name) for line in _direct(image)} - pinned == set()


@pytest.mark.parametrize("image", IMAGES)
def test_the_check_at_the_end_of_a_build_passes(image, tmp_path):
    (check,) = re.findall(r'^RUN python -c "([^"]+)"', stages(image)[-1], re.MULTILINE)
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, check=True)


@pytest.mark.parametrize("image", IMAGES)
def test_the_command_starts_a_module_that_is_in_the_wheel(image):
    (command,) = (json.loads(step) for step in steps(image, "CMD"))
    assert command[:3] == ["python", "-m", f"nextlabel.{image}"]
    assert f"nextlabel/{image}/__main__.py" in packaged()


def test_nothing_the_api_installs_brings_torch():
    assert "torch" in _closure(_direct("worker"))
    assert _closure(_direct("api")).isdisjoint({"torch", "torchvision", "timm"})
    assert any("! pip show --quiet torch" in step for step in steps("api", "RUN"))


@pytest.mark.parametrize("image", IMAGES)
def test_the_user_of_an_image_owns_the_named_volumes_it_mounts(image):
    named = {target for target, volume in mounts(image).items() if volume["source"] in compose()["volumes"]}
    (made,) = [step for step in steps(image, "RUN") if "install -d -o nextlabel" in step]
    assert "--uid 1000" in made
    assert steps(image, "USER") == ["1000"]
    assert named == {word for word in made.split() if word.startswith("/")}


def test_weights_fetched_from_the_hub_are_kept_in_the_cache_volume():
    assert all("HF_HOME=/cache/" in " ".join(steps(image, "ENV")) for image in IMAGES)
    assert all("/cache" in mounts(image) for image in IMAGES)


def _pins():
    return (REPO / "constraints.txt").read_text().splitlines()


def _direct(image):
    """What the package and the image's extras ask for, through our own extras."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    found, waiting = list(PYPROJECT["project"]["dependencies"]), list(IMAGES[image])
    while waiting:
        for line in extras[waiting.pop()]:
            requirement = Requirement(line)
            if requirement.name == "nextlabel":
                waiting += requirement.extras
            else:
                found.append(line)
    return found


def _closure(requirements):
    """Names of everything these requirements bring, as far as it is installed here."""
    found, waiting = set(), [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if name in found or not wanted:
            continue
        found.add(name)
        waiting += [(Requirement(line), extra) for line in _requires(name) for extra in ("", *requirement.extras)]
    return found


def _requires(name):
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


# --- the services ---------------------------------------------------------------------------------------------------


def test_the_folder_of_data_is_all_a_person_must_set():
    text = "".join((REPO / name).read_text() for name in FILES)
    variables = re.findall(r"\$\{(\w+)(:[-?+])[^}]+\}", text)
    assert len(variables) == text.count("$")
    assert {name for name, _ in variables} == OURS
    assert {name for name, operator in variables if operator == ":?"} == {"DATA"}


@pytest.mark.parametrize("name", IMAGES)
def test_settings_are_real_and_point_into_the_mounts(name, monkeypatch):
    environment = service(name)["environment"]
    assert {variable.removeprefix("NEXTLABEL_").lower() for variable in environment} <= Settings.model_fields.keys()
    settings = settings_of(name, monkeypatch, KEYS="./keys")
    paths = {*settings.data_roots, settings.state_dir, settings.cache_dir, settings.weights_dir}
    assert {str(path) for path in (*paths, settings.api_keys_file.parent)} == mounts(name).keys()


def test_the_api_starts_without_keys_only_where_this_machine_alone_reaches_it(monkeypatch):
    (command,) = (json.loads(step) for step in steps("api", "CMD"))
    inside = command[command.index("--host") + 1]
    check_access(settings_of("api", monkeypatch), inside)
    for listen in ("0.0.0.0:5000", "5000", "192.168.1.2:5000"):
        with pytest.raises(Misconfigured):
            check_access(settings_of("api", monkeypatch, LISTEN=listen), inside)
    check_access(settings_of("api", monkeypatch, LISTEN="0.0.0.0:5000", AUTH="off"), inside)


def settings_of(name, monkeypatch, **variables):
    """As Compose fills them in."""

    def fill(found):
        value = variables.get(found[1])
        return (found[3] if value else "") if found[2] == "+" else value or found[3]

    for variable, value in service(name)["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{(\w+):([-?+])([^}]+)\}", fill, value))
    return Settings()


def test_the_api_and_the_worker_see_the_same_files_and_the_same_redis():
    assert mounts("api").keys() == mounts("worker").keys()
    assert all(mounts("api")[target]["source"] == one["source"] for target, one in mounts("worker").items())
    assert service("api")["environment"] == service("worker")["environment"]
    assert service("api")["environment"]["NEXTLABEL_REDIS_URL"].startswith("redis://redis:")


@pytest.mark.parametrize("name", IMAGES)
def test_nobody_may_write_to_images_weights_and_keys_and_the_api_alone_to_labels(name):
    read_only = {target for target, mount in mounts(name).items() if mount["read_only"]}
    assert read_only == {"/datasets", "/weights", "/keys"} | ({"/labels"} if name == "worker" else set())


def test_redis_keeps_what_it_accepted_in_a_volume_that_nobody_else_reaches():
    assert shlex.split(service("redis")["command"])[1:5] == ["--appendonly", "yes", "--appendfsync", "always"]
    assert mounts("redis")["/data"]["source"] in compose()["volumes"]
    assert "ports" not in service("redis")


def test_redis_killed_at_once_still_has_what_it_accepted(tmp_path):
    with running_redis(tmp_path) as (client, process):
        client.set("job", "queued")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running_redis(tmp_path) as (client, _):
        assert client.get("job") == b"queued"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_jobs_are_taken_and_given_only_when_redis_is_healthy():
    assert "redis-cli ping" in service("redis")["healthcheck"]["test"][1]
    assert all(service(name)["depends_on"] == {"redis": {"condition": "service_healthy"}} for name in IMAGES)


def test_the_api_is_reached_where_it_listens():
    (command,) = (json.loads(step) for step in steps("api", "CMD"))
    port = command[command.index("--port") + 1]
    assert [published.rsplit(":", 1)[1] for published in service("api")["ports"]] == [port]
    assert steps("api", "EXPOSE") == [port]
    assert f"127.0.0.1:{port}/healthz" in service("api")["healthcheck"]["test"][-1]


def test_the_worker_can_be_scaled_and_has_time_to_give_its_jobs_back():
    assert service("worker").keys().isdisjoint({"container_name", "ports", "hostname"})
    assert "scale" not in service(
        "worker"
    )  # beside it, Compose refuses other `deploy.replicas` in a file over this one
    assert service("worker")["deploy"]["replicas"] == "${WORKERS:-1}"
    assert seconds(service("worker")["stop_grace_period"]) > Settings().lease_s


def test_the_worker_asks_for_the_gpus_and_the_cpu_file_takes_that_back():
    (device,) = _devices(compose())
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert _devices(compose("docker-compose.cpu.yaml")) == []


@pytest.mark.parametrize("name", ["redis", *IMAGES])
def test_a_service_restarts_checks_its_health_and_has_no_capabilities(name):
    assert service(name)["restart"] == "unless-stopped"
    assert seconds(service(name)["healthcheck"]["timeout"]) < seconds(service(name)["healthcheck"]["interval"])
    assert service(name)["cap_drop"] == ["ALL"]


def _devices(document):
    return document["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"]


def seconds(duration):
    return int(duration.removesuffix("s"))


@contextmanager
def running_redis(folder):
    """A real server, started as docker-compose.yaml starts it."""
    command = [find_redis_server(), *shlex.split(service("redis")["command"])[1:]]
    where = ["--port", "0", "--unixsocket", str(folder / "socket"), "--dir", str(folder)]
    with subprocess.Popen([*command, *where], stdout=subprocess.DEVNULL) as process:
        client = redis.Redis(unix_socket_path=str(folder / "socket"))
        try:
            wait_for(client)
            yield client, process
        finally:
            client.close()
            process.kill()


def wait_for(client, tries=100):
    for _ in range(tries):
        try:
            return client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
    raise TimeoutError("redis did not start")


# --- Compose's own reading ------------------------------------------------------------------------------------------


@pytest.fixture
def docker_compose():
    if shutil.which("docker") is None or _run("docker", "compose", "version").returncode:
        pytest.skip("the docker client or its compose plugin is not installed")
    return _compose_config


def test_docker_reads_the_compose_file(docker_compose):
    done = docker_compose(FILES[0], DATA="/some/host/datasets")
    assert done.returncode == 0, done.stderr
    worker = json.loads(done.stdout)["services"]["worker"]
    assert {"/some/host/datasets", "state", "cache", "labels"} <= {volume["source"] for volume in worker["volumes"]}
    assert worker["deploy"]["resources"]["reservations"]["devices"]


def test_docker_refuses_to_start_without_data_and_says_so(docker_compose):
    done = docker_compose(FILES[0])
    assert done.returncode != 0
    assert "set DATA to the folder that holds your images and labels" in done.stderr


def test_docker_asks_for_no_gpu_under_the_cpu_file(docker_compose):
    done = docker_compose(*FILES, DATA="/some/host/datasets")
    assert done.returncode == 0, done.stderr
    worker = json.loads(done.stdout)["services"]["worker"]
    assert "devices" not in worker["deploy"]["resources"]["reservations"]


def _compose_config(*files, **variables):
    chosen = [word for name in files for word in ("-f", str(REPO / name))]
    command = ["docker", "compose", "--env-file", os.devnull, *chosen, "config", "--format", "json"]
    return _run(*command, env={name: os.environ[name] for name in os.environ.keys() - OURS} | variables)


def _run(*command, env=None):
    return subprocess.run(command, check=False, env=env, capture_output=True, text=True)


# --- the page about it ----------------------------------------------------------------------------------------------


def test_the_page_names_only_settings_services_and_files_that_exist():
    page = (REPO / "docs/deployment.md").read_text()
    named = {variable.lower() for variable in re.findall(r"NEXTLABEL_(\w+)", page)}
    assert named <= Settings.model_fields.keys()
    files = re.findall(r"docker-compose[\w.]*\.yaml|Dockerfile\.\w+|tests/[\w/.-]+", page)
    assert [name for name in files if not (REPO / name).exists()] == []
    assert set(re.findall(r"docker compose (?:exec|run)(?: -+\S+)* (\w+)", page)) <= compose()["services"].keys()
