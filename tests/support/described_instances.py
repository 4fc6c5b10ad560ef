"""Filters of DescribeInstances, and the ids in its answers."""

from tests.support.ec2_account import Answer


def ids(answer: Answer) -> list[str]:
    return [each["InstanceId"] for held in answer["Reservations"] for each in held["Instances"]]


def wanted(name: str, *values: str) -> dict[str, object]:
    return {"Filters": [{"Name": name, "Values": list(values)}]}
