"""All settings, in one frozen class. `Settings()` reads `NEXTLABEL_*`; the edges make it and pass it inwards."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidatorFunctionWrapHandler, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nextlabel.core.data_roots import Roots, bucket_url, is_url, split_roots

DEFAULT_REDIS_PREFIX = "nextlabel"


class Settings(BaseSettings):
    """The settings, each with its unit in its name. A test holds `docs/settings.md` against this class."""

    model_config = SettingsConfigDict(env_prefix="NEXTLABEL_", frozen=True, extra="forbid", hide_input_in_errors=True)

    data_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (Path("/datasets"),),
        description="Folders and buckets (`s3://bucket/prefix`) that requests may name paths under, separated as PATH "
        "is, or by commas. Everything else is refused.",
    )
    state_dir: Path = Field(
        Path(".nextlabel/state"), description="Redis' files (under `nextlabel up`) and the results of jobs."
    )
    cache_dir: Path = Field(
        Path(".nextlabel/cache"), description="Embeddings that were computed once. Safe to delete at any time."
    )
    weights_dir: Path | None = Field(
        None,
        description="Folder of `<timm name>.safetensors`, looked in before the hub, and `yolox_nano.onnx`, for boxes.",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Where jobs are kept: `redis://`, `rediss://` or `unix:///`.",
    )
    redis_prefix: str = Field(
        DEFAULT_REDIS_PREFIX,
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="What the keys of all jobs and queues begin with: it keeps stacks apart that share a Redis.",
    )

    api_keys_file: Path | None = Field(
        None, description="The file of `nextlabel keys`. With it, every call needs a key (docs/security.md)."
    )
    auth: Literal["auto", "off"] = Field(
        "auto",
        description="`off`: without a keys file, answer other machines all the same; else the API refuses to start.",
    )
    published_at: str | None = Field(
        None,
        description="`host:port` under which a container's API is reached. Whether others reach it is judged by this.",
    )
    submits_per_minute: int | None = Field(
        None,
        ge=0,
        le=60_000,
        description="Jobs an owner may submit a minute, 0: any number. Unset: 60 with keys, any number without.",
    )
    reads_per_minute: int | None = Field(
        None,
        ge=0,
        le=60_000,
        description="All other calls an owner may make a minute, 0: any number. Unset: 600 with keys, else any number.",
    )
    max_unfinished_jobs: int = Field(
        1000, ge=0, description="An owner's further jobs are refused with 429 while so many have not ended; 0: never."
    )

    hub_timeout_s: float = Field(
        10.0, gt=0, description="How long to wait for the weights hub's first answer before giving up on it."
    )
    batch_size: int = Field(
        0,
        ge=0,
        le=4096,
        description="Images a forward pass takes at once; 0: 32 or more on a CPU, on a GPU 256 if they fit.",
    )
    decode_threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads that read images in each worker process; 0: up to one per core, at most 8.",
    )
    cpu_engine: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="What computes on a CPU; `auto`: OpenVINO where it is installed; it is faster."
    )
    precision: Literal["exact", "fast", "auto"] = Field(
        "exact",
        description="Of a pretrained backbone's arithmetic by OpenVINO on a CPU. `exact`: float32. `fast`: int8 or "
        "bfloat16, where the CPU has it. `auto`: that, where it was shown to teach as much (docs/precision.md).",
    )
    cpu_threads: int = Field(
        0, ge=0, le=1024, description="Threads that each worker process computes with on a CPU; 0: one per core."
    )
    keep_embeddings_mb: int | None = Field(
        None,
        ge=0,
        description="Embeddings each worker process holds in memory for the next round; 0: none. "
        "Unset: its share of a quarter of the memory, of 8192 at most.",
    )
    selection_memory_mb: int = Field(
        6144,
        ge=0,
        description="A selection whose embeddings would take more memory is made among part of the pool's images, "
        "and says so.",
    )
    thumbnails_mb: int = Field(
        1024,
        ge=0,
        description="Thumbnails of the page that the cache disk keeps; those unused for longest go. 0: none.",
    )
    max_image_pixels: int = Field(
        100_000_000, ge=1, description="An image whose header claims more pixels is refused before it is decoded."
    )
    decode_s: float = Field(
        20.0, gt=0, description="An image that takes a helper process longer to decode is left out, and named."
    )
    decode_memory_mb: int = Field(
        2048, ge=64, description="The same of memory, for each image that is decoded by a helper at that moment."
    )
    max_unreadable_fraction: float = Field(
        0.1, ge=0, le=1, description="A job fails when more than this share of its images can't be read."
    )
    bucket_patience_s: float = Field(
        300.0,
        ge=0,
        description="How long a job waits for a bucket that doesn't answer, is throttled or refuses an old token.",
    )
    min_free_disk_mb: int = Field(200, ge=0, description="`/readyz` says no when the state or cache disk has less.")
    max_request_bytes: int = Field(1_000_000, ge=1_000, description="Larger request bodies are refused with 413.")
    max_label_studio_request_bytes: int = Field(
        50_000_000, ge=1_000, description="The same of Label Studio's, which sends all tasks it wants predictions for."
    )
    inline_result_bytes: int = Field(
        1_000_000, ge=0, description="Larger results are left out of `GET /jobs/{id}`; `result_url` has them."
    )

    hand_out_minutes: float = Field(
        30.0,
        gt=0,
        description="How long a batch is a person's, from when it was handed out or one of its images was labelled.",
    )

    lease_s: float = Field(20.0, gt=0, description="How long a silent worker keeps its job.")
    renew_every_s: float = Field(4.0, gt=0, description="How often a running job renews its lease.")
    janitor_every_s: float = Field(1.0, gt=0, description="How often expired leases and lost messages are looked for.")
    cancel_grace_s: float = Field(
        30.0, gt=0, description="A process that has not stopped so long after it was told to is ended and replaced."
    )
    spare_process: bool = Field(
        True,
        description="A worker keeps one process more that is warm, some 400 MB: it takes the place of one that dies.",
    )
    stall_after_s: float = Field(
        900.0, gt=0, description="A process that gets nowhere for so long is ended and replaced, and its job put back."
    )
    share_above_s: float = Field(
        30.0, ge=0, description="A job that would embed for longer than this asks the other workers to help."
    )
    shard_s: float = Field(30.0, gt=0, description="How long one shard of a job that is shared should take a worker.")
    max_crashes: int = Field(3, ge=1, description="A job whose worker died this often ends as failed: worker_lost.")
    keep_jobs_days: float = Field(30.0, gt=0, description="Ended jobs and their results are forgotten after this.")
    keep_idempotency_hours: float = Field(168.0, gt=0, description="How long an Idempotency-Key is remembered.")

    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs webhooks: `whsec_` and the base64 of 24 to 64 random bytes. Without it there are none.",
    )
    webhook_allow_private: bool = Field(
        False, description="Webhooks may go to private and loopback addresses, and by plain http."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_json: bool = Field(False, description="One JSON object a line instead of text for people.")

    @field_validator("data_roots", mode="wrap")
    @classmethod
    def _tell_folders_from_buckets(cls, value: Any, folders_of: ValidatorFunctionWrapHandler) -> Roots:
        parts = split_roots(value) if isinstance(value, str) else value
        urls = [part for part in parts if is_url(part)]
        folders = folders_of(tuple(part for part in parts if part not in urls))
        return Roots((path.expanduser().absolute() for path in folders), map(bucket_url, urls))

    @field_validator("weights_dir", "webhook_secret", "api_keys_file", "published_at", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        """Refuse a malformed URL here: redis-py would refuse it with a piece of the password in its message."""
        try:
            parts = urlsplit(value)
            tcp = parts.scheme in ("redis", "rediss") and (parts.port or True)
            readable = tcp or (parts.scheme == "unix" and not parts.hostname and parts.path not in ("", "/"))
        except ValueError:
            readable = False
        if not readable:
            raise ValueError(
                "it must be redis://, rediss:// or unix:///path, and a password's special characters written as %XX"
            )
        return value

    @field_validator("state_dir", "cache_dir", "weights_dir", "api_keys_file")
    @classmethod
    def _make_absolute(cls, value: Any) -> Any:
        return value.expanduser().absolute() if value is not None else None

    @model_validator(mode="after")
    def _check_that_leases_outlive_a_missed_renewal(self) -> Settings:
        if self.renew_every_s > self.lease_s / 3:
            raise ValueError("NEXTLABEL_RENEW_EVERY_S must be a third of NEXTLABEL_LEASE_S at most")
        return self

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not 24 <= len(_key_in(value)) <= 64:
            raise ValueError(
                "NEXTLABEL_WEBHOOK_SECRET must be whsec_ and the base64 of 24 to 64 bytes; "
                "make one with: echo whsec_$(openssl rand -base64 32)"
            )
        return value

    @property
    def webhook_key(self) -> bytes | None:
        """The key that signs webhooks; without one, no webhook is sent."""
        return _key_in(self.webhook_secret) if self.webhook_secret is not None else None

    @model_validator(mode="after")
    def _check_that_keys_are_asked_for(self) -> Settings:
        if self.auth == "off" and self.api_keys_file is not None:
            raise ValueError("NEXTLABEL_AUTH=off and NEXTLABEL_API_KEYS_FILE contradict each other; unset one of them")
        return self

    @property
    def hand_out_s(self) -> float:
        return self.hand_out_minutes * 60

    @property
    def results_dir(self) -> Path:
        """The folder of the results of jobs."""
        return self.state_dir / "results"

    @property
    def thumbnails_dir(self) -> Path:
        """The folder of the page's small copies of images."""
        return self.cache_dir / "thumbnails"

    @property
    def compiled_dir(self) -> Path:
        """The folder of networks as they were compiled for this machine's CPU."""
        return self.cache_dir / "compiled"

    @property
    def detectors_dir(self) -> Path:
        """The folder of detectors of boxes that were trained once."""
        return self.cache_dir / "detectors"

    @property
    def maps_dir(self) -> Path:
        """Return where what frozen networks see of images is kept (core/neural/detection/kept_maps.py)."""
        return self.cache_dir / "maps"

    @property
    def plans_dir(self) -> Path:
        """The folder of the plans of jobs that several workers embed together: which images each has."""
        return self.state_dir / "plans"


def _key_in(secret: SecretStr) -> bytes:
    """Decode the key in a `whsec_` secret; empty when there is none."""
    prefix, _, encoded = secret.get_secret_value().partition("_")
    try:
        return base64.b64decode(encoded, validate=True) if prefix == "whsec" else b""
    except ValueError:
        return b""
