"""The consumed capacity in an answer: as much of it as the request asked for.

AWS: "TOTAL - The response includes only the aggregate ConsumedCapacity for the operation. NONE - No
ConsumedCapacity details are included in the response."
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
Differs: the numbers are the embedded engine's, which does not measure the items' sizes.
"""

MEMBER = "ConsumedCapacity"
_AGGREGATE = frozenset(("TableName", "CapacityUnits"))


def tell_capacity(output: dict[str, object], asked: str) -> None:
    """Leave out what was not asked for, and add the table's share where indexes were asked for.

    Args: asked: NONE, TOTAL or INDEXES. The embedded engine answers some operations alike for all three.
    """
    if MEMBER not in output:
        return
    if asked == "NONE":
        del output[MEMBER]
        return
    told = output[MEMBER]
    for capacity in told if isinstance(told, list) else [told]:
        if not isinstance(capacity, dict):
            continue
        if asked == "TOTAL":
            for member in capacity.keys() - _AGGREGATE:
                del capacity[member]
        elif "CapacityUnits" in capacity:
            capacity.setdefault("Table", {"CapacityUnits": capacity["CapacityUnits"]})
