"""A phantom, what the network makes of it, and the tasks that its lesions are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.phantoms import Lesion, generate_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import segment_volumes
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box, expanded_box, margin_voxels
from Testing.benchmarks.interaction.task import Mask, Task

AROUND_LIVER_MM = 20.0
"""So much around the liver is kept."""
AROUND_MM = 6.0
"""The liver so near to a lesion tells in which phase it stands out."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A phantom and what the network makes of it, cut to the liver and what lies around it.

    arterial: registered; None where registration was refused. instances: 0, 1 liver, 2, 3, … one value a finding.
    truth: the same for the lesions of the phantom. lesions: of the truth.
    """

    portal: sitk.Image
    arterial: sitk.Image | None
    probability: sitk.Image
    instances: NDArray[np.uint16]
    truth: NDArray[np.uint16]
    lesions: tuple[Lesion, ...]


def scene_of(seed: int, size: str) -> Scene:
    """Generate a phantom and segment it with both phases by the bundled model."""
    phantom = generate_phantom(seed, size=size)
    result = segment_volumes(
        phantom.portal,
        phantom.arterial,
        find_model("demonstration"),
        choose_device("cpu"),
        SegmentationJob(portal="phantom", arterial="phantom", device="cpu"),
        Progress(),
    )
    instances, truth = (
        sitk.GetArrayFromImage(each).astype(np.uint16) for each in (result.instances, phantom.instances)
    )
    box = bounding_box((instances > 0) | (truth > 1))
    if box is None:
        raise ValueError(f"the network found no liver in the phantom of seed {seed}")
    box = expanded_box(box, margin_voxels(AROUND_LIVER_MM, phantom.portal.GetSpacing()[::-1]), truth.shape)
    part = tuple(reversed(box))
    refused = result.registration is not None and result.registration.grade == "refused"
    return Scene(
        portal=result.portal[part],
        arterial=None if refused or result.registered is None else result.registered[part],
        probability=result.probability[part],
        instances=instances[box],
        truth=truth[box],
        lesions=phantom.lesions,
    )


def missed(scene: Scene, truth: Mask) -> Task:
    """Return a lesion as a task in which nothing is found but the liver, and no probability is known."""
    return _task(scene, truth, np.minimum(scene.instances, 1), None, probability=None)


def from_network(scene: Scene, truth: Mask) -> Task:
    """Return a lesion as a task that begins with the finding that covers most of it, if there is one.

    Other findings that touch the lesion are given back to the liver first.
    """
    labels = scene.instances.copy()
    covered = np.bincount(labels[truth], minlength=3)
    covered[:2] = 0
    start = int(covered.argmax()) if covered.any() else None
    touching = [value for value in np.flatnonzero(covered) if value != start]
    labels[np.isin(labels, touching)] = 1
    return _task(scene, truth, labels, start, probability=scene.probability)


def _task(
    scene: Scene,
    truth: Mask,
    labels: NDArray[np.uint16],
    start: int | None,
    *,
    probability: sitk.Image | None,
) -> Task:
    return Task(
        portal=scene.portal,
        arterial=scene.arterial,
        probability=probability,
        labels=labels,
        start=start,
        hu=clearer_phase(scene.portal, scene.arterial, truth, scene.truth == 1),
    )


def clearer_phase(
    portal: sitk.Image, arterial: sitk.Image | None, lesion: Mask, plain: Mask
) -> NDArray[np.float32]:
    """Return the HU of the phase in which a lesion differs more from the plain liver around it."""
    x, y, z = portal.GetSpacing()
    near = ndimage.distance_transform_edt(~lesion, sampling=(z, y, x)) <= AROUND_MM
    around = near & plain if (near & plain).any() else near & ~lesion
    phases = [portal] if arterial is None else [portal, arterial]
    volumes = [sitk.GetArrayFromImage(phase).astype(np.float32) for phase in phases]
    return max(volumes, key=lambda hu: float(abs(np.median(hu[lesion]) - np.median(hu[around]))))
