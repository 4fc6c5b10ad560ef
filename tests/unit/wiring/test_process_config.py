"""A child receives the settings that its configuration names, and no other."""

import msgspec
import pytest

from tabard.wiring.process_config import AgentConfig, EdgeConfig, settings_for
from tabard.wiring.settings import Settings

SETTINGS = {
    "rotate_every_seconds": "5m",
    "allow_address": "10.0.0.7:5432",
    "vm_image": "/image",
    "admin_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "admin_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


@pytest.mark.parametrize("config", [AgentConfig, EdgeConfig])
def test_a_child_receives_each_setting_that_it_names_and_no_secret(config: type[msgspec.Struct]) -> None:
    values = Settings(**SETTINGS).model_dump(mode="json")
    received = settings_for(config, values)
    assert set(received) == set(config.__struct_fields__) & set(Settings.model_fields)
    assert received
    assert all(received[name] == values[name] for name in received)
    assert "EXAMPLE" not in str(received)


@pytest.mark.parametrize("config", [AgentConfig, EdgeConfig])
def test_a_setting_has_its_default_in_one_place(config: type[msgspec.Struct]) -> None:
    settings = [each for each in msgspec.structs.fields(config) if each.name in Settings.model_fields]
    assert [each.name for each in settings if not each.required] == []


def test_every_setting_reaches_the_agent_as_it_was_set() -> None:
    values = Settings(**SETTINGS).model_dump(mode="json")
    received = settings_for(AgentConfig, values)
    assert (received["rotate_every_seconds"], received["allow_address"]) == (300.0, "10.0.0.7:5432")
    assert (received["vm_image"], received["container_images"]) == ("/image", None)
