"""The docs are under test: every setting, method, backbone, error code and warning is found in them."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from nextlabel.api.errors import HTTP_STATUS
from nextlabel.core.embeddings.catalogue import SHORT_NAMES
from nextlabel.core.errors import NextlabelError, WarningCode
from nextlabel.core.faults import CODES
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.methods.registry import METHODS
from nextlabel.core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
OF_THE_COMMAND = {"NEXTLABEL_URL", "NEXTLABEL_API_KEY", "NEXTLABEL_LANGUAGE"}


def text(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_docs_as_it_is(name):
    default = Settings.model_fields[name].default
    shown = "none" if default is None else f"`{':'.join(map(str, default)) if isinstance(default, tuple) else default}`"
    line = f"| `NEXTLABEL_{name.upper()}` | {shown} | {Settings.model_fields[name].description} |"
    assert line in text("docs/settings.md")


def test_no_setting_in_the_docs_is_made_up():
    known = {f"NEXTLABEL_{name.upper()}" for name in Settings.model_fields} | OF_THE_COMMAND
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {found for page in pages for found in re.findall(r"NEXTLABEL_[A-Z_]+", page.read_text())}
    assert named - {"NEXTLABEL_"} <= known


def test_every_error_code_stands_in_the_docs():
    for module in ("nextlabel.core.data.images", "nextlabel.core.embeddings.cache", "nextlabel.core.jobs.store"):
        importlib.import_module(module)
    codes = {error.code for error in tree(NextlabelError)} | set(CODES.values()) | set(HTTP_STATUS)
    assert {code for code in codes if f"`{code}`" not in text("docs/errors.md")} == set()


def test_every_warning_stands_in_the_docs():
    page = text("docs/errors.md").partition("## Warnings of a job")[2]
    assert {code.value for code in WarningCode if f"`{code}`" not in page} == set()


def test_every_warning_is_given_by_some_pipeline():
    source = "".join(path.read_text() for path in (ROOT / "core" / "pipelines").rglob("*.py"))
    assert {code.name for code in WarningCode if f"WarningCode.{code.name}," not in source} == set()


def test_every_method_kind_and_backbone_is_in_the_readme():
    assert {name for name in [*METHODS, *SHORT_NAMES] if f"`{name}`" not in text("README.md")} == set()
    assert {kind for kind in KINDS if f'"kind": "{kind}"' not in text("README.md")} == set()
    assert {name for name in METHODS if f"| `{name}` |" not in text("docs/methods.md")} == set()


def test_the_house_is_drawn_as_it_stands():
    project, page = tomllib.loads(text("pyproject.toml")), text("docs/house.md")
    packages = [name.removeprefix("nextlabel.") for name in project["tool"]["setuptools"]["packages"] if "." in name]
    folders = [f"`{name.replace('.', '/')}/`" for name in packages if name != "core"]
    assert [folder for folder in folders if f"| {folder} |" not in page] == []
    inside_core = next(one for one in project["tool"]["importlinter"]["contracts"] if "exhaustive" in one)
    assert "\n".join(["```", *inside_core["layers"], "```"]) in page


def test_every_link_in_the_docs_leads_somewhere():
    for page in [ROOT / "README.md", ROOT / "README.ru.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_link_to_a_heading_finds_it():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", page.read_text()):
            there = page.parent / target if target else page
            assert anchor in anchors_of(there), f"{page.name} links to {target}#{anchor}"


def test_every_page_stands_in_the_index():
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", text("docs/README.md")))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_make_target_that_the_readme_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for page in ("README.md", "README.ru.md"):
        assert set(re.findall(r"(?:\$ |`)make ([a-z-]+)", text(page))) <= targets


def test_every_direct_dependency_is_explained():
    declared = re.findall(r'"([A-Za-z0-9-]+)(?:\[[^]]*\])?>=', text("pyproject.toml"))
    page = text("docs/dependencies.md")
    assert {name for name in declared if name != "setuptools" and name not in page} == set()


def test_every_package_of_the_page_is_explained():
    package = json.loads(text("api/page/package.json"))
    page = text("docs/dependencies.md")
    named = {*package["dependencies"], *package["devDependencies"]}
    assert {name for name in named if name not in page and not name.startswith("@types/")} == set()


def test_no_copy_of_the_openapi_document_is_kept_that_could_grow_old():
    found = (path for folder in ("api", "docs", "tests") for path in (ROOT / folder).rglob("*"))
    kept = [path for path in found if "node_modules" not in path.parts]
    copies = {path for path in kept if path.suffix in (".json", ".yaml", ".yml") and is_openapi(path.read_text())}
    assert copies == set()


def anchors_of(page: Path) -> set[str]:
    """What links may name in a page: its headings, small, without marks, spaces as hyphens, as GitHub makes them."""
    without_code = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_openapi(content: str) -> bool:
    return re.match(r"""[\s{"']*openapi["']?\s*:""", content) is not None


def tree(root: type[NextlabelError]) -> list[type[NextlabelError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]
