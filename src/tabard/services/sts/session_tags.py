"""Session tags, and the transitive ones that a chain of roles inherits.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tabard.model.session import Session
from tabard.services.iam.tags import RESERVED_PREFIX, TagInput
from tabard.services.sts.errors import InvalidSessionTags

MOST_SESSION_TAGS = 50
"""AWS: "You can pass up to 50 session tags." Inherited ones count."""


@dataclass(frozen=True, slots=True)
class SessionTags:
    """The tags of a new session, and the keys of the transitive ones."""

    tags: tuple[tuple[str, str], ...] = ()
    transitive_keys: tuple[str, ...] = ()


def inherited_tags(calling: Session | None) -> SessionTags:
    """Return the tags that a new session inherits from the calling session.

    AWS: "the new session inherits any transitive session tags from the calling session".
    """
    if calling is None or not calling.transitive_tag_keys:
        return SessionTags()
    transitive = {key.lower() for key in calling.transitive_tag_keys}
    passed = tuple((key, value) for key, value in calling.tags if key.lower() in transitive)
    return SessionTags(passed, tuple(key for key, _ in passed))


def session_tags(
    inputs: Sequence[TagInput], transitive_keys: Sequence[str], inherited: SessionTags
) -> SessionTags:
    """Return the tags of the new session; keys compare without regard to case.

    Raises:
        InvalidSessionTags: a key is repeated or inherited, a key or value begins with the reserved `aws:`, a
        transitive key has no tag, or there are too many tags.
    """
    requested = {tag.key.lower() for tag in inputs}
    if len(requested) != len(inputs):
        raise InvalidSessionTags(
            reason="Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    for tag in inputs:
        if tag.key.lower().startswith(RESERVED_PREFIX) or tag.value.lower().startswith(RESERVED_PREFIX):
            raise InvalidSessionTags(
                reason=f"The session tag {tag.key!r} uses the reserved prefix aws: in its key or value."
            )
    # "If you pass a session tag with the same key as an inherited tag, the operation fails."
    if requested & {key.lower() for key in inherited.transitive_keys}:
        raise InvalidSessionTags(
            reason="One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session."
        )
    if not {key.lower() for key in transitive_keys} <= requested:
        raise InvalidSessionTags(
            reason="The specified transitive tag key must be included in the requested tags."
        )
    tags = (*inherited.tags, *((tag.key, tag.value) for tag in inputs))
    if len(tags) > MOST_SESSION_TAGS:
        raise InvalidSessionTags(reason=f"A session has {MOST_SESSION_TAGS} tags at most.")
    return SessionTags(tags, (*inherited.transitive_keys, *transitive_keys))
