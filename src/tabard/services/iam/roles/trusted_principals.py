"""The principals of a trust policy: the user or role that existed when the policy was saved.

AWS: "If your Principal element in a role trust policy contains an ARN that points to a specific IAM role,
then that ARN transforms to the role unique principal ID when you save the policy. This helps mitigate the
risk of someone escalating their privileges by removing and recreating the role."
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from tabard.access.authorize import Permit
from tabard.names import Arn
from tabard.policy import DocumentKind, MalformedPolicyDocument, parse_document
from tabard.store.ports import Transaction


def trusted_principals(permit: Permit, document: str, tx: Transaction) -> tuple[tuple[str, str], ...]:
    """Return the ARN and the unique id of each user and role of this account that a trust policy names.

    Raises:
        MalformedPolicyDocument: one does not exist.
    Differs: a trust policy is answered as it was written, with the ARN of a principal that was deleted since,
        where AWS answers its unique id. Principals of other accounts are not looked for.
    """
    parsed = parse_document(document, kind=DocumentKind.TRUST)
    named = [
        name
        for statement in parsed.statements
        if statement.principals is not None
        for name in statement.principals.aws
    ]
    found: dict[str, str] = {}
    for name in named:
        arn = Arn.parse(name)
        if arn is None or arn.service != "iam" or arn.account_id != permit.account_id:
            continue
        kind, _, rest = arn.resource.partition("/")
        if kind not in ("role", "user"):
            continue
        entity_name = rest.rpartition("/")[2]
        role = tx.roles.named(entity_name) if kind == "role" else None
        user = tx.users.named(entity_name) if kind == "user" else None
        if role is not None and role.arn == name:
            found[name] = role.role_id
        elif user is not None and user.arn == name:
            found[name] = user.user_id
        else:
            raise MalformedPolicyDocument(reason=f'Invalid principal in policy: "AWS":"{name}"')
    return tuple(found.items())
