"""The sources of the page: their own tests, and types that are the service's. Skipped where it can't be built."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nextlabel.api.app import create_app
from nextlabel.core.embeddings.catalogue import DESCRIPTOR, SHORT_NAMES
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.methods.registry import METHODS
from nextlabel.core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "api" / "page"
pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None or not (PAGE / "node_modules").is_dir(),
    reason="needs npm and what the page is built with (make page)",
)


def npm(*arguments: str) -> str:
    ran = subprocess.run(["npm", "run", "--silent", *arguments], cwd=PAGE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_what_has_logic_in_the_page_holds_by_itself():
    npm("test")


def test_the_types_of_the_page_are_those_of_the_service(tmp_path):
    document, types = tmp_path / "openapi.json", tmp_path / "schema.d.ts"
    document.write_text(json.dumps(create_app(Settings(data_roots=(tmp_path,))).openapi()))
    npm("types", "--", str(document), "-o", str(types))
    assert types.read_text() == (PAGE / "src/service/schema.d.ts").read_text(), "make page-types"


def test_a_file_of_the_page_has_one_component_for_others():
    exported = {
        path.name: re.findall(r"^export (?:function|const) ([A-Z]\w*[a-z]\w*)", path.read_text(), re.MULTILINE)
        for path in (PAGE / "src").rglob("*.tsx")
        if ".test." not in path.name
    }
    assert len(exported) > 30
    assert {name: components for name, components in exported.items() if len(components) > 1} == {}


def test_what_the_service_names_has_russian_words():
    words = (PAGE / "src/words/ru.ts").read_text()

    def named(group: str) -> set[str]:
        block = re.search(rf"^    {group}: {{(.*?)}},$", words, re.MULTILINE | re.DOTALL)
        assert block is not None, group
        return {bare or quoted for quoted, bare in re.findall(r'(?:"([^"]+)"|\b(\w+)):(?= |\n)', block[1])}

    core = "\n".join(path.read_text() for path in (ROOT / "core").rglob("*.py"))
    stages = {stage for kind in KINDS.values() for stage in kind.stages}
    units = set(re.findall(r'\.stage\([^\n]*, (?:unit=)?"(\w+)"', core))
    assert len(units) > 4
    assert set(KINDS) - named("title") == stages - named("stage") == units - named("units") == set()
    assert set(METHODS) - named("methods") == set(METHODS) - named("uses") == set()
    assert {DESCRIPTOR, *SHORT_NAMES} - named("backbones") == set()
