"""What a Redis says of itself, by INFO, and whether the promise can rest on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEAST_VERSION = (6, 2)  # the first that lists a stream from after an entry


def faults_of(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield why no promise can be given in a Redis that says this of itself."""
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        yield f"Redis {version} is too old; {least} or later is needed, or any Valkey"
    if is_replica(info):
        yield (
            "this Redis is a replica and takes no writes; let NEXTLABEL_REDIS_URL name its primary, "
            f"{info.get('master_host')}:{info.get('master_port')}, or an address that always leads to the primary"
        )
    if int(info.get("cluster_enabled", 0) or 0):
        yield "this Redis is a node of a cluster, which nextlabel can't use; take one with cluster-enabled no"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"Redis evicts keys when its memory is full (maxmemory-policy {policy}): accepted jobs would vanish. Set "
            "it to noeviction: redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; a managed "
            "Redis has it among its parameters"
        )


def notes_of(info: Mapping[str, Any], fsync: str | None) -> Iterator[str]:
    """Yield what limits the promise in a Redis that says this of itself. `fsync`: its setting appendfsync, if known."""
    if "maxmemory_policy" not in info:
        yield "Redis doesn't say whether it evicts keys (INFO); see to it that its maxmemory-policy is noeviction"
    if "aof_enabled" in info and not int(info["aof_enabled"] or 0):
        yield (
            "Redis keeps no append-only file (appendonly no): when it restarts, jobs are lost that came after its last "
            "snapshot, or all of them; CONFIG SET appendonly yes, and in redis.conf"
        )
    elif fsync not in (None, "always"):
        yield (
            f"Redis writes its file from time to time (appendfsync {fsync}): a power cut loses what was accepted "
            "within the last second or more; appendfsync always loses nothing"
        )


def is_replica(info: Mapping[str, Any]) -> bool:
    return info.get("role") in ("slave", "replica")
