"""Delivers webhooks: claims those that are due from the outbox and sends them. Any number of deliverers may run.

A few threads do the same side by side, so that one slow receiver does not hold up all the others.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version

from pydantic_core import Url

from nextlabel.core.errors import JobNotFound, NextlabelError, WebhookNotAllowed
from nextlabel.core.jobs.outbox import Delivery, Outbox
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.jobs.webhooks import message, message_id, signed_headers
from nextlabel.core.logs import bound, get_logger
from nextlabel.core.settings import Settings
from nextlabel.core.webhook_urls import allowed_url, host_of, is_public
from nextlabel.worker.outgoing import NoReply, Reply, addresses_of, post

log = get_logger(__name__)
THREADS = 4
LOOK_EVERY_S = 1.0
WITHIN_S = 15.0  # for one attempt
UNWANTED = 410  # the status of a receiver that wants no more
HEADERS = {"Content-Type": "application/json", "User-Agent": f"nextlabel/{version('nextlabel')}"}

Resolve = Callable[[str, int], list[str]]


class Deliverer:
    """Sends webhooks from a few threads; without a secret it does nothing, as another worker may have one.

    `resolve`: (name, port) -> addresses. `trust`: whose certificates are trusted; the system's by default.
    """

    def __init__(
        self, settings: Settings, *, resolve: Resolve = addresses_of, trust: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._store = JobStore.of(settings)
        self._outbox = Outbox(self._store)
        self._resolve = resolve
        self._trust = trust or ssl.create_default_context()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to deliver."""
        if self._settings.webhook_key is None:
            return
        for i in range(THREADS):
            self._threads.append(threading.Thread(target=self._keep_delivering, name=f"webhooks-{i}", daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Stop delivering. A webhook that is on its way and takes longer is sent again later, by whoever is there."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2)

    def deliver_one(self) -> bool:
        """Try to deliver one webhook that is due; False when none is. Raises StoreUnavailable."""
        delivery = self._outbox.claim()
        if delivery is None:
            return False
        line = {"job_id": delivery.job_id, "attempt": delivery.failures + 1, "host": host_of(Url(delivery.url))}
        with bound(**line), suppress(JobNotFound):  # it was forgotten just now
            self._deliver(delivery)
        return True

    def _keep_delivering(self) -> None:
        while not self._stop.is_set():
            try:
                if self.deliver_one():
                    continue
            except NextlabelError as error:
                log.warning("webhooks are waiting", cause=error.detail)
            except Exception:
                log.exception("webhook failed")
            self._stop.wait(LOOK_EVERY_S)

    def _deliver(self, delivery: Delivery) -> None:
        try:
            answer = self._send(delivery)
        except (NoReply, WebhookNotAllowed) as error:
            self._failed(delivery, str(error))
            return
        if 200 <= answer.status < 300:
            self._outbox.mark_delivered(delivery)
            log.info("webhook delivered", status=answer.status)
        elif answer.status == UNWANTED:
            self._outbox.mark_unwanted(delivery)
            log.info("webhook not wanted any more", status=answer.status)
        else:
            self._failed(delivery, f"the receiver answered {answer.status}", answer.retry_after_s)

    def _send(self, delivery: Delivery) -> Reply:
        job = self._store.get(delivery.job_id)
        url = allowed_url(delivery.url, self._settings)
        addresses = self._checked_addresses(url)
        body, key = message(job), self._settings.webhook_key
        assert key is not None  # without one, no URL is allowed
        headers = HEADERS | signed_headers(key, message_id(job), int(time.time()), body)
        return post(url, body, headers, addresses=addresses, trust=self._trust, within_s=WITHIN_S)

    def _checked_addresses(self, url: Url) -> list[str]:
        """Resolve the name, once: the call goes to no other address. Raises WebhookNotAllowed unless all are public."""
        assert url.port is not None
        addresses = self._resolve(host_of(url), url.port)
        private = [address for address in addresses if not is_public(address)]
        if private and not self._settings.webhook_allow_private:
            raise WebhookNotAllowed(f"{host_of(url)} leads to {private[0]}, which is not a public address")
        return addresses

    def _failed(self, delivery: Delivery, cause: str, not_before_s: float = 0) -> None:
        next_in_s = self._outbox.mark_failed(delivery, not_before_s=not_before_s)
        if next_in_s is None:
            log.warning("webhook given up", cause=cause)
        else:
            log.warning("webhook failed", cause=cause, next_in_s=round(next_in_s))
