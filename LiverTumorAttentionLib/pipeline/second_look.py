"""The second look at each candidate of a case: what is measured of it, its lesion probability, and whether it stays.

A model without the block `candidates` has no second look: every candidate is a finding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.candidate_predictor import CandidatePredictor
from LiverTumorAttentionLib.lesion_classifier import (
    DEFAULT_OPERATING_POINT,
    NETWORK_FEATURE,
    LesionClassifier,
    left_out,
)
from LiverTumorAttentionLib.models import ModelDescription
from LiverTumorAttentionLib.pipeline.candidates import FoundCase
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.postprocessing import (
    CandidateCase,
    PatchVolumes,
    PostprocessingSettings,
    candidate_boxes,
    check_features,
    judge_candidates,
)
from LiverTumorAttentionLib.voxels.boxes import Box, box_start
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU, tumor_number
from LiverTumorAttentionLib.voxels.parts import image_in_box, values_in_box
from LiverTumorAttentionLib.voxels.sample_cube import Field, Read


class Candidates:
    """The candidates of a case, by their numbers 1, 2, …: what is measured of them, and their patches."""

    def __init__(self, found: FoundCase) -> None:
        self._found = found
        self._volumes = found.volumes()
        self._boxes = {
            tumor_number(v): (v, box) for v, box in candidate_boxes(self._volumes.instances).items()
        }

    @cached_property
    def _case(self) -> CandidateCase:
        return CandidateCase(self._volumes)

    def features(self, predictor: CandidatePredictor | None = None) -> dict[int, dict[str, float]]:
        """Return the features of each by name, NaN for what cannot be measured.

        predictor: the network whose logit of the patch is one of them, `NETWORK_FEATURE`.
        """
        found = {number: self._case.features(*self._boxes[number]) for number in self._boxes}
        if predictor is not None:
            for features, logit in zip(found.values(), predictor(list(self.patches().values())), strict=True):
                features[NETWORK_FEATURE] = float(logit)
        return found

    def patches(self, **settings: int) -> dict[int, Field]:
        """Return the patch of each, as `PatchVolumes.patch` makes it."""
        volumes, spacing = self._patch_volumes, self._found.portal.GetSpacing()[::-1]
        start, found = box_start(self._found.surroundings()), {}
        for number, (value, box) in self._boxes.items():
            places = np.argwhere(self._volumes.instances[box] == value)
            z, y, x = (float(each) for each in places.mean(axis=0) + box_start(box) + start)
            diameter = (6 * len(places) * math.prod(spacing) / math.pi) ** (1 / 3)
            found[number] = volumes.patch(value, (z, y, x), diameter, **settings)
        return found

    @cached_property
    def _patch_volumes(self) -> PatchVolumes:
        found, grid = self._found, self._found.portal
        z, y, x = grid.GetSpacing()[::-1]
        return PatchVolumes(
            portal=_reader(grid, grid),
            arterial=None if found.arterial is None else _reader(found.arterial, grid, OUTSIDE_HU),
            probability=_reader(found.probability, grid),
            liver=_reader(found.liver.mask, grid),
            instances=_reader(found.instances, grid),
            shape=grid.GetSize()[::-1],
            spacing_mm=(z, y, x),
            portal_hu=self._case.portal_hu,
            arterial_hu=self._case.arterial_hu,
        )


def _reader(part: sitk.Image, grid: sitk.Image, outside: float = 0) -> Read:
    def read(box: Box) -> NDArray[Any]:
        return values_in_box(part, grid, box, outside=outside)

    return read


@dataclass(frozen=True, kw_only=True)
class SecondLook:
    """What the second look did. Field names are the keys of the report."""

    operating_point: str
    """Its name."""
    threshold: float
    """The lesion probability from which a candidate is a finding."""
    candidates: int
    """How many there were."""
    dropped: tuple[float, ...]
    """The lesion probability of each that was left out, the largest candidate first."""
    probabilities: dict[int, float]
    """The lesion probability of each finding, by its number 1, 2, …"""

    def sentence(self) -> str:
        """Return how many candidates were left out and why; empty when none was."""
        return left_out(len(self.dropped), self.operating_point)

    def to_dict(self) -> dict[str, Any]:
        """Return what the report says, as JSON values; the findings have their probabilities themselves."""
        return {
            "operating_point": self.operating_point,
            "threshold": self.threshold,
            "found": self.candidates,
            "left_out": len(self.dropped),
            "lesion_probabilities_left_out": list(self.dropped),
        }


def operating_point_of(model: ModelDescription, job: SegmentationJob) -> str | None:
    """Return the operating point of a run; None for a model that gives no lesion probability.

    Raises `ModelError` when one is asked for and the model has none, or needs what this version does not know.
    """
    if model.candidates is None:
        if job.operating_point is not None:
            raise ModelError(
                f"the model {model.id!r} gives no lesion probability, so it has no operating points: leave out "
                f"{job.operating_point!r}, or choose another model"
            )
        return None
    check_features(model.candidates)
    return job.operating_point or DEFAULT_OPERATING_POINT


def second_look(
    found: FoundCase,
    classifier: LesionClassifier,
    operating_point: str,
    predictor: CandidatePredictor | None = None,
) -> tuple[sitk.Image, SecondLook]:
    """Return the candidates that an operating point keeps, on a part of the portal grid, and what was done.

    predictor: the network of the second look, of a model that has one.
    """
    threshold = classifier.threshold(operating_point)
    features = Candidates(found).features(predictor)
    judged = judge_candidates(found.volumes(), features, classifier, threshold)
    instances = image_in_box(judged.instances, found.portal, found.surroundings())
    return instances, SecondLook(
        operating_point=operating_point,
        threshold=threshold,
        candidates=len(judged.probabilities) + len(judged.dropped),
        dropped=tuple(judged.dropped[number] for number in sorted(judged.dropped)),
        probabilities=judged.probabilities,
    )


def calibration_warnings(
    model: ModelDescription, job: SegmentationJob, settings: PostprocessingSettings
) -> tuple[str, ...]:
    """Return a warning where a run's settings are not those that the lesion probability was calibrated for."""
    if model.candidates is None:
        return ()
    own = model.postprocessing.get("tumor_threshold", PostprocessingSettings.tumor_threshold)
    changed = []
    if not np.isclose(settings.tumor_threshold, own):
        changed.append(f"a tumor threshold of {own:g}, not {settings.tumor_threshold:g}")
    if job.averaging != model.candidates.averaging:
        changed.append(f"averaging over {model.candidates.averaging}, not {job.averaging}")
    if not changed:
        return ()
    return (f"the lesion probability was calibrated for {' and '.join(changed)}: read it with care",)
