"""botocore's service models: AWS's own definition of every operation, shape and error."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from botocore.loaders import Loader
from botocore.model import ServiceModel

# Only what botocore ships: a customer's ~/.aws/models must not decide what the edge understands.
_LOADER: Final = Loader(
    extra_search_paths=[Loader.BUILTIN_DATA_PATH],
    include_default_search_paths=False,
)
_HOSTS_MODEL: Final = Path(__file__).parent.parent / "services" / "hosts" / "model.json"


@cache
def service_model(name: str) -> ServiceModel:
    """The model of `iam`, `sts`, `ec2`, `s3`, `dynamodb`, `sqs`, or of our own `hosts`."""
    if name == "hosts":
        return service_model_from_file(_HOSTS_MODEL, name)
    return ServiceModel(_LOADER.load_service_model(name, "service-2"), name)


def service_model_from_file(path: Path, name: str) -> ServiceModel:
    """A model in botocore's service-2 format from a file."""
    return ServiceModel(json.loads(path.read_bytes()), name)
