"""Tell Prometheus the store's counts: they are the same whichever API process is asked, and without workers, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nextlabel.core.jobs.store import Counts

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(counts: Counts) -> bytes:
    """Write the counts in Prometheus' text format: every metric of docs/observability.md."""
    registry = CollectorRegistry()
    registry.register(_Counts(counts))
    return generate_latest(registry)


class _Counts(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from self._jobs()
        yield from self._leases()
        yield from self._shards()
        yield from self._workers()
        yield from self._webhooks()

    def _jobs(self) -> Iterator[Metric]:
        counts = self._counts
        yield _gauges("jobs", "Jobs that have not ended", ("kind", "state"), counts.live)
        yield GaugeMetricFamily(
            "nextlabel_oldest_queued_seconds", "Age of the oldest in the queue", counts.oldest_queued_s
        )
        yield _counters("jobs_started", "Jobs that a worker began", ("kind",), counts.started)
        yield _counters("jobs_ended", "Jobs that ended", ("kind", "state"), counts.ended)
        yield CounterMetricFamily("nextlabel_jobs_lost", "Accepted jobs that Redis lost", counts.lost)
        yield _counters("job_wait_seconds", "From submission to first start, all together", ("kind",), counts.wait_s)
        yield _counters("job_run_seconds", "From first start to end, all together", ("kind",), counts.run_s)

    def _leases(self) -> Iterator[Metric]:
        counts = self._counts
        yield GaugeMetricFamily("nextlabel_leases", "Jobs that a worker holds", counts.leased)
        left = GaugeMetricFamily("nextlabel_lease_left_seconds", "Until the first lease runs out; below 0: overdue")
        if counts.lease_left_s is not None:
            left.add_metric([], counts.lease_left_s)
        yield left
        yield CounterMetricFamily("nextlabel_leases_reaped", "Leases taken back from the dead", counts.reaped)
        yield CounterMetricFamily("nextlabel_fenced_writes", "Writes refused for a stale fence", counts.fenced)

    def _shards(self) -> Iterator[Metric]:
        counts = self._counts
        yield GaugeMetricFamily("nextlabel_shard_leases", "Shards that a worker holds", counts.shard_leases)
        yield CounterMetricFamily("nextlabel_shards", "Shards that were committed", counts.shards)
        yield CounterMetricFamily("nextlabel_shard_images", "Images embedded in shards", counts.shard_images)
        yield CounterMetricFamily("nextlabel_shard_seconds", "Time that committed shards took", counts.shard_s)

    def _workers(self) -> Iterator[Metric]:
        counts = self._counts
        up_by_worker = {(worker,): int(up) for worker, up in counts.workers.items()}
        yield _gauges("worker_up", "1: seen in the last 10 seconds; 0: in the last day", ("worker",), up_by_worker)
        yield GaugeMetricFamily("nextlabel_worker_processes", "Processes of the workers seen", counts.processes)

    def _webhooks(self) -> Iterator[Metric]:
        counts = self._counts
        yield GaugeMetricFamily("nextlabel_webhooks_waiting", "Webhooks to be delivered", counts.webhooks_waiting)
        yield _counters("webhooks", "Attempts to deliver a webhook", ("outcome",), counts.webhooks)


Labels = TypeVar("Labels", bound="tuple[str, ...] | str")  # the values of the labels; of one alone, a string


def _gauges(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> Metric:
    return _filled(GaugeMetricFamily(f"nextlabel_{name}", meaning, labels=labels), values)


def _counters(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> Metric:
    return _filled(CounterMetricFamily(f"nextlabel_{name}", meaning, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[Labels, float]) -> Metric:
    for labels, value in sorted(values.items()):
        family.add_metric([labels] if isinstance(labels, str) else list(labels), value)
    return family
