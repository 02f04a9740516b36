from __future__ import annotations

import math

import pytest
import yaml

from training.recipes.yaml_values import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2E5", 2e5),
        ("-3e+2", -300.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.0e-4", 1e-4),
        ("7", 7),
        ("true", True),
        ("false", False),
        ("null", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("'1e-4'", "1e-4"),
        ("1e", "1e"),
        ("table4", "table4"),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: object) -> None:
    found = read_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_infinity_and_nan() -> None:
    assert read_yaml("-.inf") == -math.inf
    assert math.isnan(read_yaml(".nan"))


def test_nothing_but_plain_values_is_made() -> None:
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        read_yaml("!!python/object/apply:os.getcwd []")


def test_the_loader_of_others_is_left_alone() -> None:
    read_yaml("1e-4")
    assert yaml.safe_load("1e-4") == "1e-4"
    assert yaml.safe_load("on") is True
