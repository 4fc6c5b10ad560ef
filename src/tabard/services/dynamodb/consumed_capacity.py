"""The consumed capacity in an answer: only the requested part.

AWS: "TOTAL - The response includes only the aggregate ConsumedCapacity for the operation. NONE - No
ConsumedCapacity details are included in the response."
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
Differs: the numbers come from the embedded engine, which does not measure the items' sizes.
"""

MEMBER = "ConsumedCapacity"
_AGGREGATE = frozenset(("TableName", "CapacityUnits"))


def keep_requested_capacity(output: dict[str, object], asked: str) -> None:
    """Remove the parts that were not requested, and add the table's share if indexes were requested.

    Args: asked: NONE, TOTAL or INDEXES. The embedded engine returns the same for some operations.
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
