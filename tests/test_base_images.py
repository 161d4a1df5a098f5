"""What the container images are built on can be held to digests, in every place where it is named."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "base_images.py"))
FILES, pinned = TOOL["FILES"], TOOL["pinned"]
OLD, NEW = (f"sha256:{digit * 64}" for digit in "12")


def test_an_image_gets_its_digest_behind_the_tag_in_place_of_an_earlier_one():
    text = f"ARG PYTHON=python:3.12-slim@{OLD}\nFROM ${{PYTHON}} AS wheel\n    image: redis:8-alpine\n"
    again = pinned(text, lambda image: NEW)
    assert again.splitlines()[0] == f"ARG PYTHON=python:3.12-slim@{NEW}"
    assert again.splitlines()[-1] == f"    image: redis:8-alpine@{NEW}"
    assert again.count("sha256") == 2
    assert pinned(again, lambda image: NEW) == again


def test_every_image_that_is_not_ours_is_found():
    for name in FILES:
        text = (ROOT / name).read_text("utf-8")
        named = re.findall(r"^(?:ARG (?:NODE|PYTHON)=|\s+image: (?!nextlabel))(\S+)", text, re.MULTILINE)
        assert named
        assert pinned(text, lambda image: NEW).count(NEW) == len(named), name
