"""nnU-Net raw data: dataset.json, imagesTr/CASE_0000.nii.gz, _0001 …, labelsTr/CASE.nii.gz.

Source: nnU-Net's documentation of its data format, versions 1 ("modality", labels by value) and 2
("channel_names", labels by name, regions as lists, "file_ending", files listed under "dataset").
Data sets that hold each phase as a case of its own ("X_venous", "X_arterial", …; TriALS is converted so) become
one case a patient: the portal phase and its labels, and the arterial phase beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import whole_number
from LiverTumorAttentionLib.errors import InputError
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import case_name, folder, in_order, natural_key, read_json, some
from training.data.layouts.labels import values_of
from training.data.layouts.phases import pairs_of_cases, patient_of, phases_of_channels

Files = dict[str, tuple[dict[int, Path], Path]]
"""{identifier: ({channel: image}, labels)}."""


def find(
    data: Path, *, channels: Mapping[str, int] | None = None, labels: Mapping[str, str] | None = None
) -> list[SourceCase]:
    """Return the training cases.

    channels: {"portal": number, "arterial": number} where the channels' names do not say.
    labels: classes ("liver", "tumor", "background") by the names of labels, where these do not say.
    """
    path = folder(data, "nnU-Net folder") / "dataset.json"
    description = read_json(path)
    names = _channel_names(description, path)
    phases = phases_of_channels(names, channels or {})
    values = values_of(_label_names(description, path), labels or {}, f"'{path}'")
    files = _listed(data, description, path) or _by_name(data, str(description.get("file_ending", ".nii.gz")))
    cases = {
        identifier: SourceCase(
            name=case_name(identifier),
            portal=images.get(phases["portal"], _missing(images, phases["portal"])),
            arterial=images.get(phases["arterial"]) if "arterial" in phases else None,
            labels=(LabelFile(path=label, values=values),),
        )
        for identifier, (images, label) in files.items()
    }
    if len(names) == 1:
        cases = _paired(cases)
    return [cases[identifier] for identifier in sorted(cases, key=natural_key)]


def _paired(cases: dict[str, SourceCase]) -> dict[str, SourceCase]:
    """Return one case a patient where every phase is a case of its own; else the cases as they are."""
    pairs = pairs_of_cases(cases)
    if not pairs:
        return cases
    return {
        portal: replace(
            cases[portal],
            arterial=None if arterial is None else cases[arterial].portal,
            patient=patient_of(portal),
        )
        for portal, arterial in pairs.items()
    }


def _channel_names(description: Mapping[str, Any], path: Path) -> dict[int, str]:
    channels = description.get("channel_names", description.get("modality"))
    try:
        names = {int(number): str(name) for number, name in dict(channels or {}).items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"'{path}': the channel_names cannot be read ({error}): correct them") from error
    if not names:
        raise InputError(f"'{path}' has no channel_names: give a folder of nnU-Net raw data")
    return names


def _label_names(description: Mapping[str, Any], path: Path) -> dict[str, tuple[int, ...]]:
    """Return {name: values} of either version: {"liver": 1}, {"liver": [1, 2]} or {"1": "liver"}."""
    found: dict[str, tuple[int, ...]] = {}
    try:
        for key, value in dict(description["labels"]).items():
            if isinstance(value, list):
                found[key] = tuple(int(each) for each in value)
            elif isinstance(value, int):
                found[key] = (value,)
            elif whole_number(str(value)) is not None and whole_number(key) is None:
                found[key] = (int(value),)
            else:
                found[str(value)] = (int(key),)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}': the labels cannot be read ({error!r}): correct them") from error
    return found


def _listed(data: Path, description: Mapping[str, Any], path: Path) -> Files:
    """Return the files that dataset.json lists itself."""
    try:
        return {
            str(identifier): (
                {number: data / image for number, image in enumerate(entry["images"])},
                data / entry["label"],
            )
            for identifier, entry in dict(description.get("dataset") or {}).items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}': the list of files cannot be read ({error!r}): correct it") from error


def _by_name(data: Path, ending: str) -> Files:
    """Return the files of imagesTr by their names, each with its labels in labelsTr, there or not."""
    images = folder(data / "imagesTr", "folder of training images")
    named = re.compile(rf"(.+)_(\d{{4}}){re.escape(ending)}")
    found: Files = {}
    strange = []
    for path in in_order(images.iterdir()):
        match = named.fullmatch(path.name)
        if match:
            label = data / "labelsTr" / f"{match[1]}{ending}"
            found.setdefault(match[1], ({}, label))[0][int(match[2])] = path
        else:
            strange.append(path.name)
    if strange or not found:
        got = f"found {some(strange)}" if strange else "it is empty"
        raise InputError(
            f"the images in '{images}' must be called CASE_0000{ending}, the four digits being the channel; {got}: "
            "rename or remove them, or correct file_ending in dataset.json"
        )
    return found


def _missing(images: Mapping[int, Path], channel: int) -> Path:
    """Return the path where a channel that does not exist would have, so that it is reported as missing."""
    any_image = next(iter(images.values()))
    return any_image.with_name(re.sub(r"_\d{4}(\.[^_]*)$", rf"_{channel:04d}\1", any_image.name))
