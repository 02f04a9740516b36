"""Images of a data set of nnU-Net: imagesTs/CASE_0000.nii.gz, _0001 …, one file a channel.

Source: nnU-Net's documentation of its data format, versions 1 ("modality") and 2 ("channel_names", "file_ending").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.cohort.found_case import FoundCase, case_name
from LiverTumorAttentionLib.config_parsing import shown, whole_number
from LiverTumorAttentionLib.contrast_phase import role_of
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.case_folder import VOLUME_SUFFIXES, in_order
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.phases.description import phase_of_description
from LiverTumorAttentionLib.wording import counted

IMAGE_FOLDERS = ("imagesTs", "imagesTr")
"""Images to segment, and those for training, which are segmented only where they are asked for."""
_DESCRIPTION = "dataset.json"


def cases_of_images(images: Path, above: tuple[str, ...]) -> tuple[list[FoundCase], list[str]]:
    """Return the cases of a folder of images, and in words what of it is in no case.

    above: folders between the input and the data set, for the names. Raises `InputError` where more than one channel
    is there and nothing says which phase each is.
    """
    names = _channel_names(images.parent / _DESCRIPTION)
    endings = "|".join(re.escape(suffix) for suffix in VOLUME_SUFFIXES)
    named = re.compile(rf"(.+)_(\d{{4}})({endings})", re.ASCII)
    files: dict[str, dict[int, Path]] = {}
    strange = []
    for path in in_order(images.iterdir()):
        match = named.fullmatch(path.name)
        if match and path.is_file():
            files.setdefault(match[1], {})[int(match[2])] = path
        else:
            strange.append(path.name)
    roles = _roles(names, {number for channels in files.values() for number in channels}, images)
    left_out = (
        [f"{counted(len(strange), 'file')} in '{images}' not called CASE_0000.nii.gz ('{strange[0]}')"]
        if strange
        else []
    )
    cases = []
    for identifier, channels in files.items():
        inputs = {roles[number]: str(path) for number, path in channels.items() if number in roles}
        if "portal" not in inputs:
            left_out.append(f"'{identifier}' in '{images}' has no portal venous channel")
            continue
        cases.append(
            FoundCase(name=case_name((*above, identifier)), inputs=inputs, where=f"'{images}/{identifier}'")
        )
    return cases, left_out


def _channel_names(path: Path) -> dict[int, str]:
    """Return the names of the channels; none where there is no description."""
    if not path.is_file():
        return {}
    description = read_json(path, "description of the data set")
    values: Any = description if isinstance(description, Mapping) else {}
    channels = values.get("channel_names", values.get("modality"))
    if not isinstance(channels, Mapping):
        return {}
    numbered = {whole_number(str(key)): str(name) for key, name in channels.items()}
    return {number: name for number, name in numbered.items() if number is not None}


def _roles(names: Mapping[int, str], found: set[int], images: Path) -> dict[int, str]:
    """Return the input that each channel is; the only one is the portal venous phase, whatever its name."""
    if found <= {0}:
        return {0: "portal"}
    roles = {
        number: role_of(phase) for number in found if (phase := phase_of_description(names.get(number, "")))
    }
    unclear = sorted(found - set(roles))
    if unclear or len(set(roles.values())) < len(roles) or "portal" not in roles.values():
        listed = ", ".join(f"{number} {shown(names.get(number, ''))}" for number in sorted(found))
        raise InputError(
            f"the channels of '{images}' do not say which phase each of them is ({listed}): name them in "
            f'{_DESCRIPTION} beside it, such as {{"channel_names": {{"0": "arterial", "1": "portal"}}}}, or '
            "give a list of the cases as CSV"
        )
    return roles
