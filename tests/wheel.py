"""The package as its users get it: built from what git tracks, and installed outside the checkout.

`python -m tests.wheel` (`make test-wheel`) runs the demo there, and the browser tests that visit all of the page. What
lies in the wheel tests/test_wheel.py holds: the page is the same files, so its other tests need no second run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from uv import find_uv_bin

REPO = Path(__file__).resolve().parents[1]
BROWSER_TESTS = "tests/e2e/test_page.py"
SOURCES_OF_THE_PAGE, STATIC = "api/page/", "api/static"
PROOF = """
import sys
from importlib.metadata import distribution
from pathlib import Path
import nextlabel.client
for place in (nextlabel.__file__, nextlabel.client.__file__, distribution("nextlabel").locate_file("nextlabel")):
    assert Path(place).is_relative_to(sys.prefix), place
"""


def tracked() -> list[str]:
    """The names of all files that git tracks and that are there. Where there is no git: of all files."""
    listing = ["git", "-c", f"safe.directory={REPO}", "ls-files", "-z"]
    try:
        done = subprocess.run(listing, cwd=REPO, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return sorted(_lying_there())
    return sorted(name for name in done.stdout.split("\0") if name and (REPO / name).is_file())


def built() -> list[str]:
    """The names of the files that the page was built into; none where it could not be."""
    return sorted(path.relative_to(REPO).as_posix() for path in (REPO / STATIC).rglob("*") if path.is_file())


def packaged() -> set[str]:
    """The names of the files that belong into the wheel, as they are called in it: of the page what was built, not its
    sources."""
    ours = [name for name in tracked() if not name.startswith(SOURCES_OF_THE_PAGE)]
    folders = {folder: name for name, folder in _package_dir().items()}
    return {
        f"{folders[top].replace('.', '/')}/{rest}"
        for top, _, rest in (name.partition("/") for name in {*ours, *built()})
        if top in folders
    }


def build(folder: Path, names: Iterable[str] | None = None, *, through_sdist: bool = False) -> Path:
    """-> the wheel, made from a clean copy of the files (default: those tracked or built), or through their sdist."""
    source = folder / "source"
    for name in {*tracked(), *built()} if names is None else names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, source / name)
    _uv("build", "--no-build-isolation", *(() if through_sdist else ("--wheel",)), "--out-dir", folder / "dist", source)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def contents(wheel: Path) -> set[str]:
    """The names of the files in the wheel, without those about it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/") and ".dist-info/" not in name}


def install(wheel: Path, folder: Path) -> Path:
    """-> the Python of a new environment below the folder, where the wheel is installed and nothing else is.

    Third-party packages are read from the environment that runs this: to install them once more takes minutes.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    theirs = [place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
    (own / "third_party.pth").write_text("\n".join(theirs))
    _uv("pip", "install", "--no-deps", "--python", python, wheel)
    subprocess.run([python, "-c", PROOF], cwd=folder, env=environment(), check=True)
    return python


def environment() -> dict[str, str]:
    """This process's, without what leads Python back to the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="nextlabel-wheel-") as name:
        folder = Path(name)
        python = install(build(folder / "build"), folder / "env")
        elsewhere = folder / "elsewhere"
        shutil.copytree(REPO / "tests", elsewhere / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPO / "pyproject.toml", elsewhere)
        for command in (
            [python.with_name("nextlabel"), "demo", "--folder", elsewhere / "demo"],
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", BROWSER_TESTS],
        ):
            subprocess.run(command, cwd=elsewhere, env=environment(), check=True)


def _package_dir() -> dict[str, str]:
    mapping: dict[str, str] = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    return mapping


def _lying_there() -> Iterator[str]:
    for path in REPO.rglob("*"):
        name = path.relative_to(REPO)
        if (
            path.is_file()
            and not {"__pycache__", "node_modules"} & set(name.parts)
            and not name.parts[0].startswith(".venv")
        ):
            yield name.as_posix()


def _uv(*arguments: object) -> None:
    command = [find_uv_bin(), *map(str, arguments), "--offline", "--quiet"]
    if arguments[0] == "build":
        command += ["--python", sys.executable]
    subprocess.run(command, check=True, env=environment())


if __name__ == "__main__":
    main()
