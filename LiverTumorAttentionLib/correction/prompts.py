"""Prompts: actions read from a JSON file.

    {"units": "mm", "add": [[x, y, z], …], "exclude": [[x, y, z], {"lesion": 2, "stroke": [[x, y, z], …]}], …}

The keys are names of tools, applied in the order of the file. Positions are LPS mm, or with "units": "voxel" indices
i, j, k of the portal volume. A position alone is the tool's point, a list of positions its points; an object gives the
tool's parameters by name. Instead, "actions" may be a list as in a log, and a log itself can be read as prompts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import LONGEST_SHOWN, nearest, shown
from LiverTumorAttentionLib.correction.log import action_of
from LiverTumorAttentionLib.correction.session import Action
from LiverTumorAttentionLib.correction.tools import TOOLS
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import parse_json

UNITS = ("mm", "voxel")
PLACES = ("point", "points", "stroke")
"""Parameters that are positions, or lists of them."""
SHORT = {
    **dict.fromkeys(("include", "exclude"), "stroke"),
    **dict.fromkeys(("merge", "split", "line", "box", "lasso"), "points"),
}
"""The parameter of a position, or a list of positions, without a name; for all other tools it is the point."""
LOG_KEYS = ("format", "notice", "version", "model", "grid", "start", "lesions", "next_number", "signing")


@dataclass(frozen=True)
class Prompt:
    """An action and its name in messages."""

    name: str
    action: Action


def read_prompts(text: bytes | str, portal: sitk.Image) -> list[Prompt]:
    """Return the actions of a JSON text, in their order.

    portal: the grid of positions in voxels. Raises `InputError` for text that is no JSON, an unknown key, tool or
    parameter, a position that is none, and a file without actions.
    """
    values = parse_json(text, "the file of prompts")
    if not isinstance(values, Mapping):
        raise InputError(
            'the prompts must be an object such as {"units": "mm", "add": [[x, y, z]]}: write it so'
        )
    units = values.get("units", "mm")
    if units not in UNITS:
        raise InputError(
            f"the prompts: units must be 'mm' or 'voxel', got {shown(units)}: write one of the two"
        )
    place = _Positions(portal, voxels=units == "voxel")
    prompts: list[Prompt] = []
    for key, items in values.items():
        if key == "actions":
            prompts += [_from_log(item, number, place) for number, item in enumerate(_list(items, key), 1)]
        elif key in TOOLS:
            prompts += [
                _from_tool(key, item, number, place) for number, item in enumerate(_list(items, key), 1)
            ]
        elif key != "units" and not (key in LOG_KEYS and "actions" in values):
            raise InputError(
                f"the prompts: unknown key {shown(key)}{nearest(str(key), [*TOOLS, 'units', 'actions'])}"
            )
    if not prompts:
        raise InputError(f"the prompts ask for nothing: name tools, such as {', '.join(list(TOOLS)[:4])}")
    return prompts


class _Positions:
    """Conversion of positions as written into points in LPS mm."""

    def __init__(self, portal: sitk.Image, *, voxels: bool) -> None:
        self._portal, self._voxels = portal, voxels

    def point(self, value: object, where: str) -> tuple[float, float, float]:
        if not is_position(value):
            what = "voxel indices i, j, k" if self._voxels else "LPS mm x, y, z"
            raise InputError(f"{where}: a place has three numbers ({what}), got {_shown(value)}: write it so")
        numbers = [float(number) for number in value]  # type: ignore[attr-defined]
        if self._voxels:
            numbers = list(self._portal.TransformContinuousIndexToPhysicalPoint(numbers))
        x, y, z = numbers
        return x, y, z

    def converted(self, parameters: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the parameters of a tool with their positions in LPS mm."""
        found = dict(parameters)
        for name in PLACES:
            if found.get(name) is None:
                continue
            if name == "point":
                found[name] = self.point(found[name], where)
            else:
                found[name] = [self.point(each, where) for each in _list(found[name], f"{where}: {name}")]
        return found


def is_position(value: object) -> bool:
    """Return whether a JSON value is three finite numbers."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(
            isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
            for number in value
        )
    )


def _from_tool(tool: str, item: object, number: int, place: _Positions) -> Prompt:
    name = f"prompt {tool} {number}"
    if not isinstance(item, Mapping):
        short = SHORT.get(tool, "point")
        item = {short: [item] if short == "stroke" and is_position(item) else item}
    return Prompt(name, action_of(tool, place.converted(item, name), name))


def _from_log(item: object, number: int, place: _Positions) -> Prompt:
    name = f"action {number}"
    if not isinstance(item, Mapping) or not isinstance(item.get("parameters"), Mapping):
        raise InputError(
            f'{name}: expected {{"tool": …, "parameters": {{…}}}}, got {_shown(item)}: write it so'
        )
    return Prompt(name, action_of(item.get("tool"), place.converted(item["parameters"], name), name))


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{where}: expected a list, got {_shown(value)}: put it in brackets")
    return value


def _shown(value: object) -> str:
    """Return a JSON value as a message quotes it."""
    return json.dumps(value)[:LONGEST_SHOWN]
