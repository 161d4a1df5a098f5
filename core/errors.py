"""Everything that can go wrong, in words a person understands.

    NextlabelError
    ├── Invalid              the request or the data it names is wrong; the caller can mend it
    │   ├── InvalidRequest       several faults of one request at once
    │   ├── PathNotAllowed PathNotFound PathNotReadable PathNotWritable PathWrongKind
    │   ├── LabelsMalformed LabelsConflict NoLabels SingleClass OneClassEach TooFewOfAClass ClassesNeverMeet
    │   ├── EmbeddingsMalformed PredictionsMalformed NameNotInPool
    │   ├── EmptyPool TooManyUnreadable NothingToValidate NothingToPredict WeightsMismatch
    │   ├── UnreadableImage      one image: a warning, not a job's failure
    │   ├── ExchangeMalformed    a file of another tool that can't be read
    │   ├── Inexpressible        what another tool's format can't hold
    │   ├── WebhookNotAllowed
    │   ├── InvalidCursor
    │   └── IdempotencyKeyReused
    ├── NotFound             ImageNotFound
    │   └── JobNotFound          JobLost JobBroken: it was there, and is no more or can't be read
    ├── Conflict             BoxesChanged ClassesChanged JobEnded JobActive JobNotFinished LabelledOtherwise
    │                        LabelsChanged ProjectChanged
    ├── Gone                 ResultExpired
    ├── Unavailable          not now; trying again may help
    │   ├── StoreUnavailable     Redis can't be reached or can't write
    │   │   └── StoreRefused     Redis is there, and what it answers is an error: waiting mends nothing
    │   ├── StoreUnfit           Redis is not what the promise needs, or it is another stack's
    │   ├── BucketUnavailable    object storage does not answer, is throttled, or refuses a token that is too old
    │   ├── StorageFull WeightsUnavailable OutOfMemory DeviceLost
    │   ├── WorkerLost Stalled DeadlineExceeded
    │   └── CacheUnwritable      a warning, not a job's failure
    ├── TooMany              QuotaExceeded: others' work comes first for a while
    ├── Misconfigured        a process can't start, or a command can't run, as things are set up
    └── Interrupted          not a fault: the job stops here, and the record says why
        ├── Cancelled        a person asked for it
        ├── Drained          the worker is being stopped; the job goes on elsewhere
        ├── LeaseLost        another process owns the job now; drop everything
        └── ShardLost        another process has this shard of the job now

`code` is stable and documented (docs/errors.md). Only `api/errors.py` knows which HTTP status belongs to which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request. `pointer` is a JSON pointer into the body ("/path_to_img")."""

    pointer: str
    code: str
    detail: str


class WarningCode(StrEnum):
    """The codes of warnings: the job went on. The list is closed and documented (docs/errors.md), as that of errors."""

    UNREADABLE_IMAGE = "unreadable_image"  #: left out: damaged, empty, no image, or too many pixels in its header
    FILE_LEFT_OUT = "file_left_out"  #: not listed as part of the pool
    LABEL_WITHOUT_IMAGE = "label_without_image"  #: labelled names that are not in the pool
    LABELS_DISPUTED = "labels_disputed"  #: people contradict each other about these images, which are left out
    LABELS_FILE_LEFT_OUT = "labels_file_left_out"  #: files in a folder of labels that are nobody's labels
    CLASSES_LOOK_ALIKE = "classes_look_alike"  #: classes that the eye can't tell apart count as several
    CLASSES_IN_ONE = "classes_in_one"  #: what may be several classes in one line counts as one of its own
    CLASS_NEVER_TRAINED = "class_never_trained"  #: classes of validation labels that no training label has
    IN_BOTH_SETS = "in_both_sets"  #: labelled for training and for validation
    POOL_NARROWED = "pool_narrowed"  #: the embeddings of the whole pool would take more memory than is allowed
    FEWER_THAN_ASKED = "fewer_than_asked"  #: fewer images are left than were asked for
    NAME_WITHOUT_IMAGE = "name_without_image"  #: names in the request that are not in the pool
    CLASS_QUOTA_UNMET = "class_quota_unmet"  #: the head sees fewer images of a class than its quota asks for
    CLASS_QUOTAS_UNUSED = "class_quotas_unused"  #: quotas go by the predicted class, and there is no head
    LEAK = "leak"  #: training images that are near-copies of validation images
    WITHOUT_EMBEDDING = "without_embedding"  #: a file of embeddings has nothing for these images
    WITHOUT_PREDICTION = "without_prediction"  #: a file of predictions has nothing for these images
    EMBEDDING_WITHOUT_IMAGE = "embedding_without_image"  #: a file of embeddings names images that are not in the pool
    PREDICTION_WITHOUT_IMAGE = (
        "prediction_without_image"  #: a file of predictions names images that are not in the pool
    )
    CLASS_WITHOUT_PREDICTION = "class_without_prediction"  #: labels of classes that a file of predictions doesn't have
    CLASS_TOO_SMALL = "class_too_small"  #: the only image of a class can't be judged by others
    LABELS_NOT_RANDOM = "labels_not_random"  #: the labelled images are not a random sample of the pool
    FEW_LABELS = "few_labels"  #: the model is wrong more often than they are
    NEAR_COPIES_UNKNOWN = "near_copies_unknown"  #: without embeddings, near-copies were not left out
    LIGHT_DETECTOR = "light_detector"  #: without the detector's weights, a light head on a backbone finds boxes
    NEIGHBOURS_UNREADABLE = "neighbours_unreadable"  #: the head answers alone: the pool's images can't be read
    NAMES_UNREAD = "names_unread"  #: the declared classes were left aside: a faulty file, or nothing embeds their names
    RANDOM_WEIGHTS = "random_weights"  #: the backbone is untrained, as asked
    BATCH_HALVED = "batch_halved"  #: the GPU's memory was short
    VALUES_STRETCHED = "values_stretched"  #: of 10, 12 or 14 bits stored in 16, or without a fixed range
    ALPHA_IGNORED = "alpha_ignored"  #: images that are transparent everywhere
    ONE_TONE = "one_tone"  #: images that show nothing
    END_MISSING = "end_missing"  #: JPEGs without their end marker that have all their pixels
    BOXES_OF_ANOTHER_SIZE = "boxes_of_another_size"  #: drawn on an image of another size than the one that is there
    BUCKET_WAITED_FOR = "bucket_waited_for"  #: object storage did not answer for a while, or was throttled
    CACHE_NOT_WRITTEN = "cache_not_written"  #: embeddings will be computed again next time


class NextlabelError(Exception):
    """The base of all errors; `detail` says what is wrong and how to mend it."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


# --- the caller can mend it -------------------------------------------------------------------------------------


class Invalid(NextlabelError):
    code = "invalid"


class InvalidRequest(Invalid):
    """The request has faults: all of them are gathered before any is reported."""

    code = "invalid_request"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults))
        self.faults = faults


class PathNotAllowed(Invalid):
    """The path lies outside the data roots. The words are the same whether or not it exists."""

    code = "path_not_allowed"


class PathNotFound(Invalid):
    code = "path_not_found"


class PathNotReadable(Invalid):
    code = "path_not_readable"


class PathNotWritable(Invalid):
    code = "path_not_writable"


class PathWrongKind(Invalid):
    """The path leads to a file where a folder is needed, or the reverse."""

    code = "path_wrong_kind"


class LabelsMalformed(Invalid):
    """A line of a labels file can't be read; the detail carries file and line number."""

    code = "labels_malformed"


class LabelsConflict(Invalid):
    """The labels give one image two classes."""

    code = "labels_conflict"


class EmbeddingsMalformed(Invalid):
    """The file of embeddings can't be used, or the names beside it."""

    code = "embeddings_malformed"


class PredictionsMalformed(Invalid):
    """The file of predictions can't be used."""

    code = "predictions_malformed"


class NoLabels(Invalid):
    code = "no_labels"


class SingleClass(Invalid):
    """A classifier needs two classes; the labels hold one."""

    code = "single_class"


class TooFewOfAClass(Invalid):
    """Each class has too few labelled images for what was asked."""

    code = "too_few_of_a_class"


class ClassesNeverMeet(Invalid):
    """Training and validation labels have no class in common: most likely one side is spelt in another way."""

    code = "classes_never_meet"


class OneClassEach(Invalid):
    """Each of many images has one class: the labels are of the task `classification`, and another was asked for."""

    code = "one_class_each"


class EmptyPool(Invalid):
    code = "empty_pool"


class NameNotInPool(Invalid):
    """The pool has none of the names that the request is about."""

    code = "name_not_in_pool"


class TooManyUnreadable(Invalid):
    """More images are unreadable than `max_unreadable_fraction` allows, or all of them."""

    code = "too_many_unreadable"


class NothingToValidate(Invalid):
    """No image of the validation pool has a validation label."""

    code = "nothing_to_validate"


class NothingToPredict(Invalid):
    """Each image of the pool has a label or is aside, so that none is left to predict."""

    code = "nothing_to_predict"


class UnreadableImage(Invalid):
    """One image can't be read. `detail` is the reason, without the image's name."""

    code = "unreadable_image"


class ExchangeMalformed(Invalid):
    """A file or message of another tool can't be read; the detail carries file, place and remedy."""

    code = "exchange_malformed"


class Inexpressible(Invalid):
    """The other tool's format has no place for it."""

    code = "inexpressible"


class WebhookNotAllowed(Invalid):
    """The webhook's URL is not one that this service will call, or it calls none at all."""

    code = "webhook_not_allowed"


class InvalidCursor(Invalid):
    """The cursor of a listing did not come from here."""

    code = "invalid_cursor"


class WeightsMismatch(Invalid):
    """The weights file is damaged or belongs to another network."""

    code = "weights_mismatch"


class IdempotencyKeyReused(Invalid):
    """The same Idempotency-Key came before with another request."""

    code = "idempotency_key_reused"


# --- jobs -------------------------------------------------------------------------------------------------------


class NotFound(NextlabelError):
    code = "not_found"


class JobNotFound(NotFound):
    code = "job_not_found"


class JobLost(JobNotFound):
    """The job was accepted, and Redis has it no more: it was evicted, or Redis went back behind what it confirmed."""

    code = "job_lost"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id} was accepted, and Redis has lost it (a failover to a replica that lacked it, an eviction, a "
            "restored backup): submit it again"
        )


class JobBroken(JobNotFound):
    """The job's record is there and can't be read: something else wrote it, or a part of it got lost."""

    code = "job_broken"

    def __init__(self, job_id: str, cause: str) -> None:
        super().__init__(f"the record of job {job_id} can't be read ({cause}); delete it, and submit the job again")


class ImageNotFound(NotFound):
    """The pool has no image of that name."""

    code = "image_not_found"


class Conflict(NextlabelError):
    code = "conflict"


class LabelledOtherwise(Conflict):
    """Another person's file has another class for the image, and nobody said to replace it."""

    code = "labelled_otherwise"

    def __init__(self, faults: list[Fault], most: int) -> None:
        more = [f"and {len(faults) - most} more"] if len(faults) > most else []
        super().__init__("; ".join([*(fault.detail for fault in faults[:most]), *more]))
        self.faults = faults


class LabelsChanged(Conflict):
    """Something else is said of an image by now than what the person saw who says what counts."""

    code = "labels_changed"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.detail for fault in faults[:20]))
        self.faults = faults


class BoxesChanged(Conflict):
    """The person's own boxes on an image are others than those that the change was made from: another tab, maybe."""

    code = "boxes_changed"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.detail for fault in faults[:20]))
        self.faults = faults


class ClassesChanged(Conflict):
    """The classes that a folder's file declares are others than those that the change was made from."""

    code = "classes_changed"


class ProjectChanged(Conflict):
    """The project that is kept under a name is another than the one that the change was made from."""

    code = "project_changed"


class JobEnded(Conflict):
    """The job has ended; what was asked needs one that has not."""

    code = "job_ended"


class JobActive(Conflict):
    """The job has not ended; what was asked needs one that has."""

    code = "job_active"


class JobNotFinished(Conflict):
    """There is no result: the job is unfinished, failed or cancelled."""

    code = "job_not_finished"


class Gone(NextlabelError):
    code = "gone"


class ResultExpired(Gone):
    code = "result_expired"


class ResultDamaged(Gone):
    """The result's file is not what was written."""

    code = "result_damaged"


# --- not now ----------------------------------------------------------------------------------------------------


class Unavailable(NextlabelError):
    code = "unavailable"
    retryable = True


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class StoreRefused(StoreUnavailable):
    """Redis is there and answers with an error: a key of another type, a wrong password, a forbidden command."""

    code = "store_refused"
    retryable = False


class StoreUnfit(Unavailable):
    """Redis is there, and a promise would not hold in it: it evicts, it is a replica, another stack has it."""

    code = "store_unfit"


class BucketUnavailable(Unavailable):
    """Object storage does not answer, is throttled, or refuses a token that is too old."""

    code = "bucket_unavailable"


class StorageFull(Unavailable):
    code = "storage_full"


class StateUnwritable(Unavailable):
    """The state folder can't be written: no permission, read-only, the share is gone."""

    code = "state_unwritable"


class FolderBusy(Unavailable):
    """Another program holds the lock of the folder, or work on its files takes all the threads that it may have."""

    code = "folder_busy"


class CacheUnwritable(Unavailable):
    """The cache folder can't be written: no permission, read-only, a file in its place, the share is gone."""

    code = "cache_unwritable"


class WeightsUnavailable(Unavailable):
    code = "weights_unavailable"


class OutOfMemory(Unavailable):
    code = "out_of_memory"


class DeviceLost(Unavailable):
    """The GPU's context is broken: nothing will run in this process any more. It is replaced and the job put back."""

    code = "device_lost"


class WorkerLost(Unavailable):
    """The processes that ran the job died again and again without getting further."""

    code = "worker_lost"


class Stalled(Unavailable):
    """The processes that ran the job did nothing for too long, again and again, and were ended."""

    code = "stalled"


class DeadlineExceeded(Unavailable):
    """The job had not ended `deadline_s` after it was submitted."""

    code = "deadline_exceeded"

    def __init__(self) -> None:
        super().__init__("it had not ended by its deadline; submit it again with a longer deadline_s, or with none")


# --- too much, or set up wrongly --------------------------------------------------------------------------------


class TooMany(NextlabelError):
    code = "too_many"
    retryable = True


class QuotaExceeded(TooMany):
    """The owner has as many unfinished jobs as one may have."""

    code = "quota_exceeded"


class Misconfigured(NextlabelError):
    code = "misconfigured"


# --- not a fault ------------------------------------------------------------------------------------------------


class Interrupted(NextlabelError):
    code = "interrupted"


class Cancelled(Interrupted):
    code = "cancelled"


class Drained(Interrupted):
    code = "drained"


class GaveWay(Interrupted):
    code = "gave_way"


class LeaseLost(Interrupted):
    code = "lease_lost"


class ShardLost(Interrupted):
    code = "shard_lost"
