"""botocore's service models: AWS's own definition of every operation, shape and error."""

from functools import cache
from typing import Final

from botocore.loaders import Loader
from botocore.model import ServiceModel

from tabard.model.own_services import OWN_SERVICES

# Only botocore's own models: a customer's ~/.aws/models must not change the edge's parsing.
_LOADER: Final = Loader(
    extra_search_paths=[Loader.BUILTIN_DATA_PATH],
    include_default_search_paths=False,
)


@cache
def service_model(name: str) -> ServiceModel:
    """Load the model of `iam`, `sts`, `ec2`, `s3`, `dynamodb`, `sqs`, or of our own `hosts` and `tabard`."""
    if name in OWN_SERVICES:
        return ServiceModel(OWN_SERVICES[name].model(), name)
    return ServiceModel(_LOADER.load_service_model(name, "service-2"), name)
