"""What stands beside the code: licence, metadata, the pages for those who contribute, cite or find us on an index."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml

from tests.wheel import build

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


@pytest.fixture(scope="module")
def metadata(tmp_path_factory):
    """What an index reads of the wheel."""
    with zipfile.ZipFile(build(tmp_path_factory.mktemp("wheel"))) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        assert name.replace("METADATA", "licenses/LICENSE") in wheel.namelist()
        return HeaderParser().parsestr(wheel.read(name).decode())


def test_the_wheel_says_its_licence_and_brings_it(metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text().split()[:4] == ["Apache", "License", "Version", "2.0,"]


def test_the_page_of_the_index_has_no_link_that_leads_nowhere_there(metadata):
    shown = metadata.get_payload()
    assert shown.startswith("# nextlabel")
    assert re.findall(r"\]\((?!https?://)", shown) == []


def test_the_page_of_the_index_names_extras_and_commands_that_exist():
    text = (ROOT / PROJECT["readme"]).read_text()
    named = {extra for group in re.findall(r"nextlabel\[([\w,]+)\]", text) for extra in group.split(",")}
    assert {"local", "api", "worker"} <= named <= PROJECT["optional-dependencies"].keys()


def test_the_classifiers_name_the_pythons_that_the_package_asks_for():
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert named == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_one_version_stands_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    released = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == "Unreleased"
    assert released[1:2] in ([], [PROJECT["version"]])


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", (ROOT / name).read_text()):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_make_targets_and_files_that_exist(name):
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`|&& )make ([a-z-]+)", text)) <= targets
    files = re.findall(r"`((?:core|tests|docs)/[\w/.-]+|[\w-]+\.(?:md|toml|cff))`", text)
    assert [one for one in files if not (ROOT / one).exists()] == []


def test_the_issue_forms_are_what_their_readers_take():
    for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.stem == "config":
            continue
        assert form.keys() >= {"name", "description", "body"}
        assert all(part["type"] == "markdown" or (part["id"] and part["attributes"]["label"]) for part in form["body"])
