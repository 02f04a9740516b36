"""Medical Segmentation Decathlon, Task03_Liver: dataset.json, imagesTr, labelsTr.

Source: Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 2022. The training cases are
those of LiTS.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import case_name, folder, natural_key, read_json, stem
from training.data.layouts.labels import values_of


def find(data: Path, *, labels: Mapping[str, str] | None = None) -> list[SourceCase]:
    """Return the cases that dataset.json lists for training. labels: classes by name, where names do not say."""
    path = folder(data, "Decathlon folder") / "dataset.json"
    description = read_json(path)
    try:
        names = {str(name): (int(value),) for value, name in description["labels"].items()}
        pairs = [(data / entry["image"], data / entry["label"]) for entry in description["training"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"'{path}' is no dataset.json of the Decathlon ({error!r}): give its folder, or use the layout nnunet"
        ) from error
    if not pairs:
        raise InputError(f"'{path}' lists no training case: download the whole set")
    values = values_of(names, labels or {}, f"'{path}'")
    cases = [
        SourceCase(name=case_name(stem(image)), portal=image, labels=(LabelFile(path=label, values=values),))
        for image, label in pairs
    ]
    return sorted(cases, key=lambda case: natural_key(case.name))
