"""Which volumes of a scene are offered as inputs, whose they are, and which phase they look like."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, PORTAL
from Testing.Library.phases.drawn_trunk import trunk
from Testing.Slicer import cases


def add_trunk(scene, name, phase):
    """Add a drawn trunk in a phase as a volume."""
    import slicer

    image = trunk(phase)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    x, y, z = image.GetSpacing()
    node.SetIJKToRASMatrix(cases.matrix(np.diag([-x, -y, z, 1])))
    return node


def put_under_patient(scene, node, patient):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
    hierarchy.SetItemUID(item, "DICOM", patient)
    study = hierarchy.CreateStudyItem(item, "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(study, node), study)


def test_results_are_no_inputs(scene):
    from LiverTumorAttentionGui.scene.input_volumes import derived_ids, input_volumes, is_derived
    from LiverTumorAttentionGui.scene.node_attributes import (
        PROBABILITY_REFERENCE,
        REGISTERED_ROLE,
        ROLE_ATTRIBUTE,
    )

    portal, registered, chances = (
        cases.add_volume(scene, name) for name in ("PV", "ART registered", "chances")
    )
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, chances.GetID())
    registered.SetAttribute(ROLE_ATTRIBUTE, REGISTERED_ROLE)
    assert derived_ids(scene) == [registered.GetID(), chances.GetID()]
    assert input_volumes(scene) == [portal]
    assert [is_derived(node) for node in (portal, registered, chances)] == [False, True, True]


def test_patients_are_told_apart(scene):
    from LiverTumorAttentionGui.scene.series_facts import of_other_patient, patient_of

    first, second, third, unknown = (cases.add_volume(scene, name) for name in "abcd")
    put_under_patient(scene, first, "17")
    put_under_patient(scene, second, "18")
    put_under_patient(scene, third, "17")
    assert patient_of(first) == "17"
    assert of_other_patient(first, second)
    assert not of_other_patient(first, third)
    assert not of_other_patient(first, unknown)


def test_phases_are_chosen_by_voxels_and_why_is_said(scene):
    from LiverTumorAttentionGui.scene.phase_choice import choose_phases

    portal, arterial = add_trunk(scene, "3: Abdomen", PORTAL), add_trunk(scene, "4: Abdomen", LATE_ARTERIAL)
    choice = choose_phases([arterial, portal])
    assert choice.volumes == {"portal": portal, "arterial": arterial}
    assert choice.reasons[0].startswith("Portal venous CT: 3: Abdomen, portal venous phase (")
    assert "aorta" in choice.reasons[1]


def test_volumes_of_two_patients_are_left_to_the_user(scene):
    from LiverTumorAttentionGui.scene.phase_choice import choose_phases

    first, second = cases.add_volume(scene, "PV"), cases.add_volume(scene, "ART")
    put_under_patient(scene, first, "17")
    put_under_patient(scene, second, "18")
    assert choose_phases([first, second]).volumes == {}
