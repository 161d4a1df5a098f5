"""What object storage refuses, in words of ours: what failed, why, and the remedy.

Storage's own words are never passed on: an address in them may have a signature in it, and a message may name a key.
"""

from __future__ import annotations

import re

from nextlabel.core.data.roots import shown
from nextlabel.core.errors import BucketUnavailable, NextlabelError, PathNotFound, PathNotReadable


class Throttled(BucketUnavailable):
    """Too much is asked for at once."""


_Told = tuple[type[NextlabelError], str]
OLD_TOKEN: _Told = BucketUnavailable, "The token of the service is too old: give it a new one."
BUSY: _Told = Throttled, "Storage is asked for too much at once, or is overloaded."
WRONG_KEY: _Told = PathNotReadable, "The service's access key, or its secret, is wrong: mend those of its environment."
NOT_LET_IN: _Told = (
    PathNotReadable,
    "The storage account doesn't let the service in: mind the key of its environment, and the account's network rules.",
)
ELSEWHERE: _Told = PathNotReadable, "The bucket lies in another region, or behind another endpoint: set AWS_REGION."
SKEWED: _Told = PathNotReadable, "The clock of the service's machine is wrong by minutes: set it (NTP)."
ARCHIVED: _Told = PathNotReadable, "It is archived: restore it first."
NO_BUCKET: _Told = PathNotFound, "Mind the spelling of the bucket, and account, region and endpoint."
REFUSED: _Told = PathNotReadable, "Mind region, endpoint and credentials in the service's environment."
BY_CODE: dict[str, _Told] = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), OLD_TOKEN),
    **dict.fromkeys(("SlowDown", "ServerBusy", "Throttling", "ThrottlingException", "RequestLimitExceeded"), BUSY),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthenticationFailed"), WRONG_KEY),
    "AuthorizationFailure": NOT_LET_IN,
    **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"), ELSEWHERE),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), SKEWED),
    **dict.fromkeys(("InvalidObjectState", "BlobArchived"), ARCHIVED),
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound"), NO_BUCKET),
}
BY_STATUS: dict[int, _Told] = {301: ELSEWHERE, 307: ELSEWHERE, 401: WRONG_KEY, 404: NO_BUCKET, 429: BUSY, 503: BUSY}
NO_ANSWER = {
    "dns error": "the name of the endpoint is not known",
    "Connection refused": "nothing listens at the endpoint",
    "certificate": "the endpoint's certificate is not trusted",
    "TimedOut": "storage does not answer",
    "timed out": "storage does not answer",
    "Reset": "the connection was lost",
    "closed": "the connection was lost",
    "Body": "the answer broke off",
}
WITHOUT_CREDENTIALS = ("169.254.169.254", "169.254.170", "instance credentials", "metadata.google", "MissingCredential")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,80})</Code>")
_KEY = re.compile(r'[Pp]ath "(.{1,200}?)"(?: contained|: Encountered)', re.DOTALL)


def fault_of(error: Exception, what: str, right: str) -> NextlabelError:
    """Tell a failure of obstore's. What may pass by itself is a BucketUnavailable.

    what: the sentence that says what could not be done. right: what the service needs to be permitted for it.
    """
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else None
    if isinstance(error, ValueError) or type(error).__name__ == "InvalidPathError":
        return _unnameable(text, what)
    told = BY_CODE.get(code or "") or BY_STATUS.get(status or 0)
    if told is None and status == 403:
        told = PathNotReadable, f"The service has no permission: grant it {right}."
    if told is None and "redirect" in text.lower():  # which comes without a status
        told, code = ELSEWHERE, "a redirect"
    if told is None and status is not None and 400 <= status < 500 and status != 408:
        told = REFUSED
    if told is not None:
        class_, remedy = told
        return class_(f"{what} ({code or f'status {status}'}). {remedy}")
    if any(sign in text for sign in WITHOUT_CREDENTIALS):
        remedy = "The service has no credentials, from its environment or its machine (docs/object-storage.md)."
        return PathNotReadable(f"{what}. {remedy}")
    cause = next((cause for sign, cause in NO_ANSWER.items() if sign in text), "the connection to storage failed")
    why = f"storage answers with status {status}" if status else cause
    return BucketUnavailable(f"{what}: {why}. Mind the endpoint and the network, or try again later.")


def _unnameable(text: str, what: str) -> PathNotReadable:
    key = shown(found[1]) if (found := _KEY.search(text)) else "one"
    return PathNotReadable(
        f"{what}: among the keys is {key}, which no path can be: a part of it is empty, . or .., or has a control "
        "character. Rename that object, or name a prefix beside it."
    )
