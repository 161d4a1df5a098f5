"""Docker and Compose by their commands, as docs/deployment.md has a person type them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
STAND_IN = "nextlabel-stand-in"  #: for the images that ours are built on, where no registry is reached
#: Build arguments of the Dockerfiles, and what each is unless it is given.
BUILT_ON = dict(re.findall(r"^ARG (PYTHON|NODE)=(\S+)$", (REPO / "Dockerfile.worker").read_text(), re.MULTILINE))
(REDIS,) = re.findall(r"\$\{REDIS:-(\S+)\}", (REPO / "docker-compose.yaml").read_text())


def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path = REPO, within_s: float = 600) -> str:
    """Run a command and return what it prints; what it said is in the failure."""
    done = subprocess.run(
        command, env=env, cwd=cwd, timeout=within_s, check=False, capture_output=True, text=True, errors="replace"
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def docker(*words: str, **options: Any) -> str:
    return run("docker", *words, **options)


def missing() -> str | None:
    """Say what these tests want and can't have here."""
    if shutil.which("docker") is None:
        return "needs Docker: no `docker` on the PATH"
    if subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        return "needs a Docker daemon that answers `docker info`"
    if subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode:
        return "needs Docker's plugin `docker compose`"
    if os.geteuid():
        return "needs root: containers' processes are killed and frozen"
    return None


def base_images() -> dict[str, str]:
    """Return what stands for each image that ours are built on: itself, or else one made of this machine."""
    wanted = [*BUILT_ON.values(), REDIS]
    if all(_is_here(image) or _is_pulled(image) for image in wanted):
        return {image: image for image in wanted}
    if not _is_here(STAND_IN):
        run(str(Path(__file__).with_name("stand_in")), STAND_IN, within_s=900)
    return dict.fromkeys(wanted, STAND_IN)


def _is_here(image: str) -> bool:
    return not subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode


def _is_pulled(image: str) -> bool:
    return not subprocess.run(["docker", "pull", "--quiet", image], check=False, capture_output=True).returncode


@dataclass
class Project:
    """A Compose project of a tree of the repository, with nothing of the caller's own settings in it."""

    name: str
    variables: dict[str, str]
    files: tuple[Path, ...]
    tree: Path = REPO
    build_arguments: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """What makes `docker compose` alone mean this project."""
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG", "DOCKER_HOST") if name in os.environ
        }
        named = {"COMPOSE_PROJECT_NAME": self.name, "COMPOSE_FILE": os.pathsep.join(map(str, self.files))}
        return kept | named | self.variables

    def __call__(self, *words: str, within_s: float = 600) -> str:
        return docker("compose", *words, env=self.env, cwd=self.tree, within_s=within_s)

    def of(self, tree: Path, **changed: Any) -> Project:
        """Return the same project of another tree of the repository."""
        files = tuple(tree / path.relative_to(REPO) if path.is_relative_to(REPO) else path for path in self.files)
        return replace(self, tree=tree, files=files, **changed)

    def build(self, *services: str) -> None:
        given = [word for name, value in self.build_arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self("build", *given, *services, within_s=3600)

    def up(self, *words: str) -> None:
        self("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300", *words)

    def run(self, service: str, *command: str) -> str:
        return self("exec", "-T", service, *command)

    def containers(self, service: str = "") -> list[Container]:
        """Those of a service, or all, running or not."""
        return [Container(one) for one in self("ps", "--all", "--quiet", *filter(None, [service])).split()]

    def left(self) -> list[str]:
        """Ids of all that Docker still has of this project but images."""
        mine = f"label=com.docker.compose.project={self.name}"
        lists = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return [one for words in lists for one in docker(*words, "--quiet", "--filter", mine).split()]


@dataclass(frozen=True)
class Container:
    id: str

    @property
    def told(self) -> dict[str, Any]:
        (told,) = json.loads(docker("inspect", self.id))
        return told

    @property
    def health(self) -> str:
        return self.told["State"]["Health"]["Status"]

    @property
    def processes(self) -> list[int]:
        """Ids of all its processes as this machine knows them, the first one first."""
        _, *rows = docker("top", self.id, "-eo", "pid").split()
        return sorted(map(int, rows))
