"""Session policies, which restrict one session.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
"""

from collections.abc import Sequence

import msgspec

from tabard.credentials.token import PackedPolicyTooLarge
from tabard.policy import DocumentKind, parse_document
from tabard.services.operation import Request
from tabard.services.sts.errors import InvalidSessionInput
from tabard.store.snapshot import Snapshot

LONGEST_PLAINTEXT = 2048
"""AWS: "The plaintext that you use for both inline and managed session policies can't exceed 2,048
characters." For a managed policy, only its ARN counts."""

MOST_MANAGED_POLICIES = 10


class PolicyArnInput(Request, frozen=True, kw_only=True):
    """A managed policy of the role's account."""

    arn: str | None = msgspec.field(default=None, name="arn")


def refuse_bad_session_policies(
    inline: str | None, managed: Sequence[PolicyArnInput], snapshot: Snapshot, account_id: str
) -> None:
    """Refuse invalid session policies. Together they allow everything that any one of them allows.

    Raises:
        MalformedPolicyDocument, PackedPolicyTooLarge; InvalidSessionInput: more than ten managed policies,
        or one that does not exist.
    """
    arns = [policy.arn or "" for policy in managed]
    if len(arns) > MOST_MANAGED_POLICIES:
        raise InvalidSessionInput(reason=f"A session takes {MOST_MANAGED_POLICIES} managed policies at most.")
    plaintext_size = len(inline or "") + sum(len(arn) for arn in arns)
    if plaintext_size > LONGEST_PLAINTEXT:
        raise PackedPolicyTooLarge(percent=-(-plaintext_size * 100 // LONGEST_PLAINTEXT))
    if inline is not None:
        parse_document(inline, kind=DocumentKind.SESSION)
    for arn in arns:
        policy = snapshot.managed_policies.get(arn)
        if policy is None or policy.account_id not in (account_id, "aws"):
            raise InvalidSessionInput(reason=f"Policy {arn} does not exist or is not attachable.")
