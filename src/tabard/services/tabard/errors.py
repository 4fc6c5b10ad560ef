"""Errors of the `tabard` service."""

from tabard.errors import AwsError


class EventNotFound(AwsError):
    """The audit has no event of this request, or no longer has it."""

    code = "EventNotFound"
    status = 400
    sentence = "The audit knows no request '{event_id}'."


class InvalidOrganization(AwsError):
    """The input is not a valid organization, or does not contain this account."""

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
