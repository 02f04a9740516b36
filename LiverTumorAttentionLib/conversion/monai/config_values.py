"""Values of a bundle's configuration: references are followed, and expressions understood where they only name a value.

A bundle's configuration holds Python wherever a text begins with `$`. None of it is ever run: the text is parsed, and
a short list of forms is understood – a literal, a reference, a list, texts that are joined, a choice by a reference,
the length of a list, `.to(…)` of a reference, a data type by its name. Anything else is refused where its value is
needed, and never looked at where it is not (`device`, `imports`, `run`, …).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.errors import ModelError

LONGEST_EXPRESSION = 1000
DEEPEST = 50
"""References and lists inside each other."""
_REFERENCE = re.compile(r"@((?:\w|#|::)+)")
_SPLIT = re.compile(r"#|::")
_NAMES = {
    "monai.utils.CommonKeys.IMAGE": "image",
    "monai.utils.CommonKeys.LABEL": "label",
    "monai.utils.CommonKeys.PRED": "pred",
    **{
        f"{package}.{name}": name
        for package in ("torch", "np", "numpy")
        for name in ("float32", "float64", "float16")
    },
}
"""Names of Python that stand for a text here."""


class BundleConfig:
    """The configuration of a bundle. values: what its file holds. where: what messages call the file."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = values
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        """Return an entry as it is written; None where there is none."""
        return self._values.get(name)

    def entry(self, name: str) -> Any:
        """Return an entry with references to the whole of it followed, and what is inside as it is written; None where
        there is none. Raises `ModelError`."""
        return self.opened(self._values[name], name) if name in self._values else None

    def value(self, written: object, place: str, depth: int = 0) -> Any:
        """Return what is written with its references followed. place: where it stands, for messages.

        Raises `ModelError` for an expression that is not understood and a reference that leads nowhere or in a circle.
        """
        found = self.opened(written, place, depth)
        if isinstance(found, Mapping):
            return {str(key): self.value(one, f"{place}: {key}", depth + 1) for key, one in found.items()}
        if isinstance(found, list):
            return [self.value(one, f"{place}[{n}]", depth + 1) for n, one in enumerate(found)]
        return found

    def opened(self, written: object, place: str, depth: int = 0) -> Any:
        """Return what is written, as `value` does, but what is inside of it as it is written."""
        if depth > DEEPEST:
            raise ModelError(f"{self.where}: {place}: references go round in a circle: correct it there")
        if not isinstance(written, str):
            return written
        if written.startswith("$"):
            return self._expression(written[1:], place, depth)
        if written.startswith("%"):
            raise ModelError(
                f"{self.where}: {place} is taken from another file ({shown(written)}), which is not followed: "
                "write its value there"
            )
        whole = _REFERENCE.fullmatch(written)
        return self._followed(whole[1], place, depth) if whole else written

    def _followed(self, name: str, place: str, depth: int) -> Any:
        found: Any = self._values
        for key in _SPLIT.split(name):
            found = self.opened(found, name, depth + 1)
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise ModelError(
                    f"{self.where}: {place} refers to {shown('@' + name)}, which is not there"
                    f"{nearest(name, map(str, self._values))}"
                )
        return self.opened(found, name, depth + 1)

    def _expression(self, text: str, place: str, depth: int) -> Any:
        refused = ModelError(
            f"{self.where}: {place} is Python code ({shown('$' + text)}), which is never run: write the value there "
            "that it gives, and add the bundle again"
        )
        if len(text) > LONGEST_EXPRESSION:
            raise refused
        names: dict[str, str] = {}

        def named(match: re.Match[str]) -> str:
            name = f"reference_{len(names)}"
            names[name] = match[1]
            return name

        try:
            tree = ast.parse(_REFERENCE.sub(named, text).strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise refused from error

        def understood(node: ast.expr) -> Any:
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
                return node.value
            if isinstance(node, ast.Name) and node.id in names:
                return self._followed(names[node.id], place, depth)
            if isinstance(node, ast.List | ast.Tuple):
                return [understood(one) for one in node.elts]
            if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                number = understood(node.operand)
                if isinstance(number, int | float) and not isinstance(number, bool):
                    return -number
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                left, right = understood(node.left), understood(node.right)
                if isinstance(left, str) and isinstance(right, str):
                    return left + right
            if isinstance(node, ast.IfExp):
                chosen = understood(node.test)
                if isinstance(chosen, bool):
                    return understood(node.body if chosen else node.orelse)
            if isinstance(node, ast.Attribute) and ast.unparse(node) in _NAMES:
                return _NAMES[ast.unparse(node)]
            if isinstance(node, ast.Call):
                return called(node)
            raise refused

        def called(node: ast.Call) -> Any:
            if isinstance(node.func, ast.Attribute) and node.func.attr == "to":
                target = node.func.value
                if isinstance(target, ast.Name) and target.id in names:
                    return understood(target)
            if (
                isinstance(node.func, ast.Name)
                and node.func.id == "len"
                and len(node.args) == 1
                and not node.keywords
            ):
                counted = understood(node.args[0])
                if isinstance(counted, list):
                    return len(counted)
            raise refused

        return understood(tree)
