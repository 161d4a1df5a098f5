"""Hold what the container images are built on to the digests that the registry tells today: `make pin-images`.

Pinned like that, no image changes under its tag unnoticed, nor gets its security fixes: so this wants running again, by
whoever releases. It needs docker and a registry; nothing else here does.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

FILES = ("Dockerfile.api", "Dockerfile.worker", "docker-compose.yaml", "deploy/kubernetes/redis.yaml")
#: An image with a tag, as an official one is named, and the digest that it may be held to already.
_IMAGE = re.compile(
    r"^(ARG [A-Z]+=|\s+image: (?:\$\{REDIS:-)?)((?:node|python|redis|valkey/valkey):[\w.-]+)(?:@sha256:[0-9a-f]{64})?"
    r"(?=\}?$)",
    re.MULTILINE,
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pinned(text: str, digest_of: Callable[[str], str]) -> str:
    """Return the text of a file with the digest of each of its images behind the tag, in place of an earlier one."""
    return _IMAGE.sub(lambda found: f"{found[1]}{found[2]}@{digest_of(found[2])}", text)


def digest_of(image: str) -> str:
    """Ask the registry for an image's digest, of all processors at once. Raises CalledProcessError, ValueError."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    if not _DIGEST.fullmatch(told):
        raise ValueError(f"the registry tells no digest of {image}: {told[:200]}")
    return told


def main() -> None:
    ask_once = cache(digest_of)
    for path in map(Path, FILES):
        path.write_text(pinned(path.read_text("utf-8"), ask_once), "utf-8")
        print(path, *(f"\n  {found[0].strip()}" for found in _IMAGE.finditer(path.read_text("utf-8"))))


if __name__ == "__main__":
    main()
