"""Objects of a bucket: listed page by page, fetched whole, and tried again as long as somebody is patient.

obstore speaks to the bucket. Where it is and with which credentials is known from the environment alone. What obstore
says of a failure is never passed on: an address may have a signature in it. It is told what failed, and the remedy.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nextlabel.core.data.storage_faults import Throttled, fault_of
from nextlabel.core.data_roots import BucketUrl
from nextlabel.core.errors import (
    BucketUnavailable,
    NextlabelError,
    PathNotFound,
    PathNotReadable,
    UnreadableImage,
)

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

PAGE = 1_000  # keys that storage lists at once
CONNECT_S, SILENT_S = 5, 10  # for a connection, and for the next bytes of an answer
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
SAID_AFTER_S = 1.0  # a pause that long is one that people hear of
SHORT_PATIENCE_S = 4.0  # of who waits for a page to be shown
LARGEST_BYTES = 512 << 20  # of an object, which is held in memory
RIGHTS = {  # to list a bucket, and to read its objects, as each storage calls them
    "s3": ("s3:ListBucket", "s3:GetObject"),
    "gs": ("storage.objects.list", "storage.objects.get"),
    "az": (
        "the role Storage Blob Data Reader, or list in the SAS",
        "the role Storage Blob Data Reader, or read in the SAS",
    ),
}
T = TypeVar("T")


class ObjectMeta(NamedTuple):
    """What storage tells of an object unread. `key` is all of its name in the bucket."""

    key: str
    size: int
    mtime_ns: int
    stamp: int  # made of ETag and size; of the time, where storage gives no ETag


class Fetched(BytesIO):
    """An object's bytes."""

    def __init__(self, content: Any, stamp: int) -> None:
        super().__init__(content)
        self.stamp = stamp


@dataclass(eq=False)
class Patience:
    """How long what fails is tried again; any number of threads may share one.

    stop: set, nobody waits any more.
    waiting: called again and again with what is waited for, by who waits; it may raise to stop.
    throttled: called at each answer that says that too much is asked for.
    """

    seconds: float = SHORT_PATIENCE_S
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[str], None] = lambda _: None
    throttled: Callable[[], None] = lambda: None
    _waiting: dict[int, str] = field(default_factory=dict)  # by thread: for what

    @property
    def waits_for(self) -> str | None:
        """Say what somebody has been waiting for, over more than a pause or two; None: nobody is."""
        return next(iter([*self._waiting.values()]), None)

    def insist(self, work: Callable[[], T], what: str, right: str) -> T:
        """Do the work, again and again while its failure may pass.

        Raises BucketUnavailable once that took too long, and at once what waiting doesn't mend, as `fault_of` has it.
        """
        began, pause = time.monotonic(), FIRST_PAUSE_S
        me = threading.get_ident()
        try:
            while True:
                try:
                    return work()
                except (FileNotFoundError, NextlabelError):
                    raise
                except Exception as error:  # obstore's errors have no other base
                    fault = fault_of(error, what, right)
                left = began + self.seconds - time.monotonic()
                if not isinstance(fault, BucketUnavailable) or left <= 0:
                    raise fault
                if isinstance(fault, Throttled):
                    self.throttled()
                if pause >= SAID_AFTER_S:
                    self._waiting[me] = fault.detail
                    self.waiting(fault.detail)
                if self.stop.wait(min(pause * random.uniform(0.5, 1), left)):  # noqa: S311 -- no secret
                    raise fault
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            self._waiting.pop(me, None)


class Objects:
    """The objects of one bucket. Any thread may use it; `objects_of` makes it."""

    def __init__(self, bucket: BucketUrl, store: S3Store | GCSStore | AzureStore) -> None:
        self._bucket, self._store = bucket, store
        to_list, to_read = RIGHTS[bucket.scheme]
        self._to_list, self._to_read = f"to list the bucket ({to_list})", f"to read the object ({to_read})"

    def pages(self, prefix: str, patience: Patience, *, after: str | None = None) -> Iterator[list[ObjectMeta]]:
        """List what lies below a prefix and comes after a key, in the order of the keys, page by page.

        What fails on the way goes on behind the last key that was listed.

        Raises:
            BucketUnavailable, PathNotFound, PathNotReadable
        """
        where = str(BucketUrl(self._bucket.scheme, self._bucket.bucket, prefix))
        stream: Iterator[Any] | None = None
        begun_after = after

        def next_page() -> list[ObjectMeta] | None:
            nonlocal stream, begun_after
            try:
                if stream is None:
                    stream = iter(self._store.list(prefix or None, offset=after, chunk_size=PAGE))
                    begun_after = after
                page = next(stream, None)
            except Exception:
                stream = None
                raise
            if page is None:
                return None
            # there is storage that begins from the first key whatever it is asked for
            return [_meta(one) for one in page if begun_after is None or one["path"] > begun_after]

        while (page := patience.insist(next_page, f"{where} can't be listed", self._to_list)) is not None:
            if page:
                after = page[-1].key
                yield page

    def look_at(self, key: str, patience: Patience) -> ObjectMeta | None:
        """Ask about an object; None: there is none, or no such bucket. Raises BucketUnavailable, PathNotReadable."""

        def look() -> ObjectMeta:
            try:
                return _meta(self._store.head(key))
            except FileNotFoundError:
                raise
            except Exception:  # an answer to HEAD has no body that could say why
                return _meta(self._store.get(key).meta)

        try:
            return patience.insist(look, f"{self._name_of(key)} can't be looked at", self._to_read)
        except FileNotFoundError:
            return None

    def fetch(self, key: str, patience: Patience) -> Fetched:
        """Fetch an object.

        Raises:
            UnreadableImage: it is gone, forbidden, or too large to be held in memory.
            BucketUnavailable
        """

        def get() -> Fetched:
            answer = self._store.get(key)
            if answer.meta["size"] > LARGEST_BYTES:
                raise UnreadableImage(
                    f"the object is larger than {LARGEST_BYTES >> 20} MB, and would be held in memory whole"
                )
            return Fetched(answer.bytes(), _stamp(answer.meta))

        try:
            return patience.insist(get, f"{self._name_of(key)} can't be fetched", self._to_read)
        except FileNotFoundError as error:
            why = (
                "the bucket is" if "NoSuchBucket" in str(error) else "the object is not in the bucket any more: it was"
            )
            raise UnreadableImage(f"{why} deleted or renamed") from None
        except (PathNotReadable, PathNotFound, ValueError) as error:
            raise UnreadableImage(getattr(error, "detail", "no object can have that name")) from None

    def _name_of(self, key: str) -> str:
        return str(BucketUrl(self._bucket.scheme, self._bucket.bucket, key))


@lru_cache(maxsize=64)
def objects_of(scheme: str, bucket: str) -> Objects:
    """Return the objects of a bucket, whose connections are kept. Raises PathNotReadable: it can't be spoken to."""
    name = f"{scheme}://{bucket}"
    try:
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 -- an extra, and the client does without
    except ImportError:
        remedy = "pip install 'nextlabel[objects]'"
        raise PathNotReadable(f"{name} can't be read: what reads buckets is not installed ({remedy}).") from None
    options: dict[str, Any] = {
        "client_options": {
            "allow_http": True,  # whether it is http is said by an endpoint in the environment alone
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "read_timeout": timedelta(seconds=SILENT_S),
            "timeout": timedelta(hours=1),
        },
        "retry_config": {"max_retries": 0},  # Patience does that, and can be stopped
    }
    try:
        if scheme == "s3":
            return Objects(BucketUrl(scheme, bucket), S3Store(bucket, **options))
        made = GCSStore(bucket, **options) if scheme == "gs" else AzureStore(bucket, **options)
        return Objects(BucketUrl(scheme, bucket), made)
    except Exception as error:
        remedy = "Set the storage account (AZURE_STORAGE_ACCOUNT_NAME) and" if scheme == "az" else "Set"
        raise PathNotReadable(
            f"{name} can't be read ({type(error).__name__}): the environment of the service doesn't say how. {remedy} "
            "what docs/object-storage.md lists."
        ) from None


def _meta(said: Any) -> ObjectMeta:
    modified: datetime = said["last_modified"]
    return ObjectMeta(said["path"], said["size"], int(modified.timestamp() * 1e6) * 1_000, _stamp(said))


def _stamp(said: Any) -> int:
    etag = (said["e_tag"] or "").strip('"')  # Azure has quotes around it when it fetches, and none when it lists
    version = etag or said["last_modified"].isoformat()
    return int.from_bytes(blake2b(f"{said['size']} {version}".encode(), digest_size=8).digest(), "little", signed=True)
