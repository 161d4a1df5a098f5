"""What the container images are built on can be held to digests, in every place where it is named."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "base_images.py"))
FILES, pinned = TOOL["FILES"], TOOL["pinned"]
OLD, NEW = (f"sha256:{digit * 64}" for digit in "12")


def test_an_image_gets_its_digest_behind_the_tag_in_place_of_an_earlier_one():
    text = f"ARG PYTHON=python:3.12-slim@{OLD}\nFROM ${{PYTHON}} AS wheel\n    image: ${{REDIS:-redis:8-alpine}}\n"
    again = pinned(text, lambda image: NEW)
    assert again.splitlines()[0] == f"ARG PYTHON=python:3.12-slim@{NEW}"
    assert again.splitlines()[-1] == f"    image: ${{REDIS:-redis:8-alpine@{NEW}}}"
    assert again.count("sha256") == 2
    assert pinned(again, lambda image: NEW) == again


def test_every_image_that_is_not_ours_is_found():
    for name in FILES:
        text = (ROOT / name).read_text("utf-8")
        named = re.findall(r"^(?:ARG (?:NODE|PYTHON)=|\s+image: (?!nextlabel))(\S+)", text, re.MULTILINE)
        assert named
        assert pinned(text, lambda image: NEW).count(NEW) == len(named), name


def test_each_is_held_to_one_digest_wherever_it_stands():
    texts = [(ROOT / name).read_text("utf-8") for name in FILES]
    held = {
        found for text in texts for found in re.findall(r"((?:node|python|redis):[\w.-]+)@(sha256:[0-9a-f]{64})", text)
    }
    assert sorted(image for image, _ in held) == ["node:24-slim", "python:3.12-slim", "redis:8-alpine"]
