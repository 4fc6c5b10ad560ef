"""The requests on key pairs, and the checks that they need.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Mapping, Sequence

from tabard.access.check import Check
from tabard.model.key_pair import KeyPair
from tabard.names import Place
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import Context, region_context, resource_tag_context
from tabard.services.ec2.filters import Filter
from tabard.services.ec2.tag_specifications import TagSpecification, requested_tags, tag_context
from tabard.services.operation import Facts, Request


class CreateKeyPairRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html"""

    key_name: str
    key_type: str = "rsa"
    key_format: str = "pem"
    tag_specifications: tuple[TagSpecification, ...] = ()
    dry_run: bool = False


class ImportKeyPairRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportKeyPair.html"""

    key_name: str
    public_key_material: bytes
    tag_specifications: tuple[TagSpecification, ...] = ()
    dry_run: bool = False


class DescribeKeyPairsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeKeyPairs.html"""

    key_names: tuple[str, ...] = ()
    key_pair_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    include_public_key: bool = False
    dry_run: bool = False


class DeleteKeyPairRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteKeyPair.html"""

    key_name: str | None = None
    key_pair_id: str | None = None
    dry_run: bool = False


def key_pair_arn(place: Place, name: str) -> str:
    """Return a key pair's ARN, which ends with its name, not its id."""
    return ec2_arn(place, f"key-pair/{name}")


def key_pair_context(key_pair: KeyPair) -> Context:
    """Return the condition keys of an existing key pair."""
    return {
        "ec2:keypairname": (key_pair.name,),
        "ec2:keypairtype": (key_pair.key_type,),
        **resource_tag_context(key_pair.tags),
    }


def key_pair_of_id(key_pair_id: str, facts: Facts) -> KeyPair | None:
    """Find a key pair in the request's region."""
    found = facts.snapshot.key_pairs.get(key_pair_id)
    return found if found is not None and found.region == facts.region else None


def create_key_pair_checks(request: CreateKeyPairRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:CreateKeyPair on the name, and ec2:CreateTags if the request has tags."""
    of_key = {"ec2:keypairtype": (request.key_type,)}
    return _new_checks("CreateKeyPair", request.key_name, request.tag_specifications, of_key, facts)


def import_key_pair_checks(request: ImportKeyPairRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:ImportKeyPair on the name, and ec2:CreateTags if the request has tags."""
    return _new_checks("ImportKeyPair", request.key_name, request.tag_specifications, {}, facts)


def delete_key_pair_checks(request: DeleteKeyPairRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:DeleteKeyPair on the key pair; a missing one is checked by the request's name or id."""
    if request.key_pair_id:
        found = key_pair_of_id(request.key_pair_id, facts)
    else:
        found = facts.snapshot.key_pair_named(facts.region, request.key_name or "")
    name = found.name if found is not None else request.key_name or request.key_pair_id or "*"
    context = region_context(facts)
    if found is not None:
        context |= key_pair_context(found)
    return [Check(action="ec2:DeleteKeyPair", resource=key_pair_arn(facts, name), context=context)]


def _new_checks(
    operation: str,
    name: str,
    specifications: Sequence[TagSpecification],
    of_key: Mapping[str, tuple[str, ...]],
    facts: Facts,
) -> list[Check]:
    """
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
    """
    arn = key_pair_arn(facts, name)
    tags = tag_context(requested_tags(specifications))
    context = region_context(facts) | tags
    checks = [Check(action=f"ec2:{operation}", resource=arn, context=context | dict(of_key))]
    if tags:
        created = {"ec2:createaction": (operation,)}
        checks.append(Check(action="ec2:CreateTags", resource=arn, context=context | created))
    return checks
