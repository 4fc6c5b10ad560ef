"""Rotating a long-term key that its owner keeps in a file: through IAM, and no crash loses the access.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html

Theory of operation. IAM shows a secret once, and allows two keys. So the order is:

1. note in the file which keys there were, and when; then create the new key;
2. replace the file: it holds the new key, and names the former one as still to be deleted;
3. ask with the new key who we are; delete the former key; drop its name from the file.

After a crash between 1 and 2 IAM holds a key whose secret nobody has. The note tells it from the user's other
keys, and the next rotation deletes it. After a crash past 2, the next rotation or the next start of the
system finishes 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tabard.administration.long_term_key import KeyFile, LongTermKey

_CLOCK_GRAIN = timedelta(seconds=2)  # IAM writes times to the second
_CREATED_WITHIN = timedelta(minutes=2)  # a call that takes longer has failed


class NotRotated(Exception):
    """The key was not rotated; the message says why, for the operator."""


ClientOf = Callable[[LongTermKey, str], Any]
"""A botocore client of a service that asks by the key."""


def rotate_key(file: KeyFile, client_of: ClientOf, *, now: datetime) -> LongTermKey:
    """Replace the key in the file by a new one, and delete the former one.

    A rotation that was cut short after the new key was kept is finished, and no other key is made.

    Raises:
        NotRotated: the user has another key, which the operator must delete first. ClientError: IAM refused.
        BotoCoreError: no answer came; try again.
    """
    kept = file.read()
    if kept.former_key_id:
        return _finish(file, kept, client_of)
    iam = client_of(kept, "iam")
    others = []
    for key_id, created_at in _keys(iam):
        if _is_orphan(kept, key_id, created_at):
            iam.delete_access_key(AccessKeyId=key_id)
        elif key_id != kept.access_key_id:
            others.append(key_id)
    if others:
        raise NotRotated(
            f"the user has a second key, {others[0]}, and IAM allows only two; first delete it: "
            f"aws iam delete-access-key --access-key-id {others[0]}"
        )
    file.write(replace(kept, known_before=(kept.access_key_id,), noted_at=now))
    try:
        made = iam.create_access_key()["AccessKey"]
    except ClientError:
        file.write(replace(kept, known_before=(), noted_at=None))  # none was made
        raise
    new = LongTermKey(
        access_key_id=str(made["AccessKeyId"]),
        secret_access_key=str(made["SecretAccessKey"]),
        issued_by_iam=True,
        former_key_id=kept.access_key_id,
    )
    file.write(new)
    return _finish(file, new, client_of)


def _finish(file: KeyFile, kept: LongTermKey, client_of: ClientOf) -> LongTermKey:
    client_of(kept, "sts").get_caller_identity()
    try:
        client_of(kept, "iam").delete_access_key(AccessKeyId=kept.former_key_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
    done = replace(kept, former_key_id="")
    file.write(done)
    return done


def _is_orphan(kept: LongTermKey, key_id: str, created_at: datetime) -> bool:
    """Return whether a rotation that was cut short made this key: after its note, and at once."""
    if kept.noted_at is None or key_id in (*kept.known_before, kept.access_key_id):
        return False
    return -_CLOCK_GRAIN <= created_at - kept.noted_at <= _CREATED_WITHIN


def _keys(iam: Any) -> Sequence[tuple[str, datetime]]:  # noqa: ANN401 - botocore has no types
    listed = iam.list_access_keys()["AccessKeyMetadata"]
    return [(str(each["AccessKeyId"]), each["CreateDate"]) for each in listed]
