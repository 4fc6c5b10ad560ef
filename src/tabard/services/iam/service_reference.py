"""AWS's Service Authorization Reference, of the services here: actions, ARN formats, condition keys.

`service_reference.json` holds, for each service, the format of each kind of resource, its condition keys,
those of them that are multivalued, and of each action the kinds of resources (the one it is about first of
all comes first) and, where told, the service's own keys.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TypedDict

from tabard.policy.vocabulary import GLOBAL_KEYS, MULTIVALUED_GLOBAL_KEYS, Action, Vocabulary


class _Service(TypedDict):
    resources: Mapping[str, str]
    keys: Sequence[str]
    multivalued: Sequence[str]
    actions: Mapping[str, Sequence[str]]


@cache
def aws_vocabulary() -> Vocabulary:
    """Everything that AWS names in the policies of the services here."""
    text = files("tabard.services.iam").joinpath("service_reference.json").read_text(encoding="utf-8")
    services: Mapping[str, _Service] = json.loads(text)
    keys = [*GLOBAL_KEYS, *(key for service in services.values() for key in service["keys"])]
    multivalued = [
        *MULTIVALUED_GLOBAL_KEYS,
        *(key for service in services.values() for key in service["multivalued"]),
    ]
    return Vocabulary(
        actions={name: _actions(service) for name, service in services.items()},
        keys={key.lower(): key for key in keys},
        multivalued=frozenset(key.lower() for key in multivalued),
    )


def resource_format(action: str) -> str:
    """Return the format of the ARNs that an action is about, the commonest first; `*` where it is about none.

    AWS: "The ARN template for the simulated resource type (for example, arn:${Partition}:s3:::${BucketName}),
    or * if no ARN format is defined for the action."
    """
    known = aws_vocabulary().action(action)
    return known.resources[0] if known is not None and known.resources else "*"


def _actions(service: _Service) -> Mapping[str, Action]:
    return {
        name.lower(): _action(name, said, service["resources"]) for name, said in service["actions"].items()
    }


def _action(name: str, said: Sequence[str], formats: Mapping[str, str]) -> Action:
    kinds, *keys = said
    return Action(
        name=name,
        resources=tuple(formats[kind] for kind in kinds.split()),
        keys=frozenset(keys[0].lower().split()) if keys else None,
    )
