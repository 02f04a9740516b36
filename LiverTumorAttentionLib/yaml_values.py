"""YAML as people write it: 1e-4 is a number, and yes, no, on and off are words.

PyYAML follows YAML 1.1, where 1e-4 is text for want of a dot and "on" is a truth value; YAML 1.2 mended both.
"""

from __future__ import annotations

import os
import re
from typing import Any

import yaml

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.regular_file import MIB, read_regular, reason

MOST_BYTES = MIB
"""Of a YAML file; the largest recipe has a hundredth."""
MOST_VALUES = 100_000
"""Values of a text once every alias is written out: a few lines of nested aliases stand for billions."""


class _Loader(yaml.SafeLoader):
    """Plain values alone, those that look like numbers or truth values as YAML 1.2 reads them."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and the kind are PyYAML's
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def read_yaml(text: str) -> Any:
    """Return the values of a text. Raises `yaml.YAMLError` alone; nothing but plain values is ever made."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        _check_size(node)
        return None if node is None else loader.construct_document(node)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # what PyYAML raises for values that look like a date, a number or a tag and are none
        raise yaml.YAMLError(f"a value cannot be read ({reason(error)})") from error
    finally:
        loader.dispose()


def read_yaml_file(path: str | os.PathLike[str], what: str) -> Any:
    """Return the values of a YAML file. what: how to call it in an error.

    Raises `InputError` when it is missing, no regular file, larger than `MOST_BYTES`, or no YAML.
    """
    try:
        return read_yaml(read_regular(path, most_bytes=MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {what} {path}: {reason(error)}: check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path} is not valid YAML: {reason(error)}: correct it") from error


def _check_size(root: yaml.Node | None) -> None:
    """Raise `yaml.YAMLError` when the values are too many, aliases written out, or hold themselves."""
    sizes: dict[int, int | None] = {}  # None while a value's own are counted

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in sizes:
            known = sizes[key]
            if known is None:
                raise yaml.YAMLError("a value holds itself by an alias")
            return known
        sizes[key] = None
        total = 1
        if isinstance(node, yaml.SequenceNode):
            total += sum(size(each) for each in node.value)
        elif isinstance(node, yaml.MappingNode):
            total += sum(size(name) + size(each) for name, each in node.value)
        if total > MOST_VALUES:
            raise yaml.YAMLError(f"it stands for more than {MOST_VALUES:,} values, aliases written out")
        sizes[key] = total
        return total

    if root is not None:
        size(root)
