"""Files of published weights: from the hub's cache on this machine, or from the hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

from nextlabel.core.errors import WeightsUnavailable
from nextlabel.core.settings import Settings


def from_hub(repository: str, file: str, what: str, remedy: str, settings: Settings) -> Path:
    """Return the hub's file: from its cache, else downloaded once one quick request was answered.

    Raises WeightsUnavailable, which says what is missing, and the remedy.
    """
    if (cached := cached_file(repository, file)) is not None:
        return cached
    try:
        # One request with its own time limit: the hub's client would retry for minutes on a machine without a network.
        get_hf_file_metadata(hf_hub_url(repository, file), timeout=settings.hub_timeout_s)
        return Path(hf_hub_download(repository, file))
    except Exception as error:
        why = type(error).__name__
        raise WeightsUnavailable(f"{what} not here, and the hub can't be reached ({why}): {remedy}") from error


def cached_file(repository: str, file: str) -> Path | None:
    """Return the file in the hub's cache on this machine; None where it is not there."""
    cached = try_to_load_from_cache(repository, file)
    return Path(cached) if isinstance(cached, str) else None


def digest_of_file(path: Path) -> str:
    """Return what tells the file's content from others': 16 hexadecimal digits of its sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
