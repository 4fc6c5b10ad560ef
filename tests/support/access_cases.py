"""Callers with policies, and what their requests are refused with."""

import json

import pytest

from tabard.access.authorize import Denied, Permit, authorize
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.refusals import Service
from tests.support.installation import Installation

READ = Check(action="s3:GetObject", resource="arn:aws:s3:::b/k")


WRITE = Check(action="s3:PutObject", resource="arn:aws:s3:::b/k")


def policy(action: str, resource: str = "*", *, effect: str = "Allow", **condition: object) -> str:
    statement: dict[str, object] = {"Effect": effect, "Action": action, "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def web(here: Installation, *policies: str, **session: object) -> Caller:
    """A session of the role `web`, which has these policies."""
    here.allow(*policies)
    return here.caller(here.signed("sts", here.session_of(here.web, **session)))


def permit(here: Installation, caller: Caller, *checks: Check, service: Service = "s3") -> Permit:
    return authorize(caller, checks, here.facts(service), here.snapshot)


def denied(
    here: Installation, caller: Caller, *checks: Check, service: Service = "s3", **facts: object
) -> Denied:
    with pytest.raises(Denied) as caught:
        authorize(caller, checks, here.facts(service, **facts), here.snapshot)
    return caught.value
