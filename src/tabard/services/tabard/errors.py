"""Errors of the `tabard` service."""

from tabard.errors import AwsError


class EventNotFound(AwsError):
    """The audit has no event of this request, or has it no more."""

    code = "EventNotFound"
    status = 400
    sentence = "The audit knows no request '{event_id}'."


class InvalidOrganization(AwsError):
    """What was sent describes no organization, or one that this account is not in."""

    code = "InvalidOrganization"
    status = 400
    sentence = "The organization cannot be put in force: {reason}."


class OrganizationNotFound(AwsError):
    """The account is in no organization."""

    code = "OrganizationNotFound"
    status = 400
    sentence = "The account is in no organization."


class PrincipalNotFound(AwsError):
    """No such user, group or role in this account."""

    code = "PrincipalNotFound"
    status = 400
    sentence = "In this account there is no {principal}."
