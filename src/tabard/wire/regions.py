"""AWS's regions, from botocore's endpoints.

AWS: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
"""

from functools import cache

from botocore.loaders import Loader


@cache
def regions_of(partition: str) -> frozenset[str]:
    """Return the regions of a partition: `aws`, `aws-cn`, `aws-us-gov`, …"""
    partitions = Loader().load_data("endpoints")["partitions"]
    return frozenset(
        region for each in partitions if each["partition"] == partition for region in each["regions"]
    )
