"""Which condition keys are multivalued, against AWS's Service Authorization Reference.

Runs where TABARD_REFERENCE_DATA names the folder of reference data.
AWS: "Multivalued context keys in the Service Authorization Reference use an ArrayOf prefix",
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

import json
import os
from pathlib import Path

import pytest

from tabard.services.iam.service_reference import aws_vocabulary


@pytest.mark.parametrize("service", sorted(aws_vocabulary().actions))
def test_a_key_is_multivalued_exactly_where_its_type_is_an_array(service: str) -> None:
    folder = os.environ.get("TABARD_REFERENCE_DATA")
    if not folder:
        pytest.skip("TABARD_REFERENCE_DATA names no folder of reference data")
    whole = json.loads(Path(folder, "service-reference", f"{service}.json").read_text(encoding="utf-8"))
    of_arrays = {key for key, said in whole["conditionKeys"].items() if said["type"].startswith("ArrayOf")}
    assert "aws:tagkeys" in of_arrays
    found = {key for key in whole["conditionKeys"] if aws_vocabulary().is_multivalued(key)}
    assert found == of_arrays
