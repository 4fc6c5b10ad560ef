"""Revocations: sessions that ended before they expired."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RevocationSubject = Literal["session", "instance", "host", "role"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Sessions of `subject_id` issued at or before `not_before` are refused.

    `subject_id` is the session's access key id, or the instance's, host's or role's id. It is stored until
    `forget_after`: the mark outlives every session that it ends.
    """

    subject: RevocationSubject
    subject_id: str
    not_before: datetime
    forget_after: datetime
