from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import yaml

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.yaml_values import MOST_BYTES, read_yaml, read_yaml_file


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


LAUGHS = "\n".join(
    [f"a0: &a0 [{', '.join(['x'] * 9)}]"]
    + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30)]
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "stands for more than 100,000 values"),
        (LAUGHS.replace("[", "{k: [").replace("]", "]}"), "stands for more than 100,000 values"),
        ("a: &a [*a]", "holds itself"),
        ("[" * 100_000, "nested too deeply|but found"),
        ("2001-99-99", "a value cannot be read"),
        ("!!int x", "a value cannot be read"),
        ("!!float x", "a value cannot be read"),
        ("!!timestamp x", "a value cannot be read"),
        ("? [a]\n: b", "unhashable"),
        ("a\0b", "special characters"),
    ],
)
def test_what_is_no_value_is_one_kind_of_error(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        read_yaml(text)


def test_aliases_of_a_few_values_are_read() -> None:
    assert read_yaml("a: &a [1, 2]\nb: *a\nc: {<<: {d: *a}}") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"d": [1, 2]},
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=r"cannot read the recipe .*: it is a pipe or a device, not a file"):
        read_yaml_file(tmp_path / "a.yaml", "the recipe")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(InputError, match="at most 1 MiB of such a file are read"):
        read_yaml_file(tmp_path / "a.yaml", "the recipe")
