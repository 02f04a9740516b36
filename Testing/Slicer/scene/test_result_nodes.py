"""The registered volume, its transform and the probability as nodes, on real MRML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer import cases

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def logic(scene):
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    return LiverTumorAttentionLogic()


@pytest.fixture
def register(logic, tmp_path):
    """Return a function that runs prepare, a child's writing, and load; gives (result, registered voxels)."""
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    def run(portal, arterial, *, keep=True, verdict=None, transform=None, first=0, output=None):
        request = SegmentationRequest(
            portal=portal, arterial=arterial, model="m", keep_registered=keep, output=output
        )
        logic.prepare(request, tmp_path)
        cases.write_result(tmp_path, registration=verdict or cases.verdict())
        voxels = cases.write_registration(tmp_path, transform, first)
        return logic.load(request, tmp_path), voxels

    return run


@pytest.fixture
def phases(scene):
    return cases.add_volume(scene), cases.add_volume(scene, "ART")


def world_grid(volume):
    """Return the 4 x 4 matrix from voxel indices to the world, with the transforms above the volume."""
    import vtk

    own, above = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(own)
    parent = volume.GetParentTransformNode()
    if parent is not None:
        assert parent.GetMatrixTransformToWorld(above)
    product = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Multiply4x4(above, own, product)
    return np.array([[product.GetElement(row, column) for column in range(4)] for row in range(4)])


# The verdict -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["good", {}, {"grade": "good"}, {"grade": 1, "reason": "x"}])
def test_unreadable_verdict_leaves_the_scene_unchanged(scene, phases, register, entry):
    from LiverTumorAttentionGui.errors import PanelError

    nodes = scene.GetNumberOfNodes()
    with pytest.raises(PanelError, match="registration cannot be read"):
        register(*phases, verdict=entry or {"reason": ""})
    assert scene.GetNumberOfNodes() == nodes


# The nodes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [True, False])
def test_child_is_asked_for_the_files(phases, logic, tmp_path, keep):
    from LiverTumorAttentionGui.segmentation import SegmentationRequest
    from LiverTumorAttentionLib.cli import build_parser

    portal, arterial = phases
    request = SegmentationRequest(portal=portal, arterial=arterial, model="m", keep_registered=keep)
    options = build_parser().parse_args(logic.prepare(request, tmp_path))
    assert options.save_probability == str(tmp_path / "probability.nrrd")
    names = [path and str(path) for path in (options.save_registered, options.save_transform)]
    files = [str(tmp_path / "registered.nrrd"), str(tmp_path / "transform.h5")]
    assert names == (files if keep else [None, None])
    alone = SegmentationRequest(portal=portal, model="m", keep_registered=keep)
    assert not any("--save-" in each and "probability" not in each for each in logic.prepare(alone, tmp_path))


@pytest.mark.parametrize(
    "rows", [None, cases.TURN_AND_SHIFT, cases.SHEAR], ids=["plain", "turned", "sheared"]
)
def test_registered_volume_lies_on_the_portal_volume(scene, phases, register, tmp_path, rows):
    """Where the segmentation lies, voxel by voxel; under the portal volume's transform where that is linear."""
    import slicer

    portal, arterial = phases
    transform = cases.put_under_transform(scene, portal, rows) if rows else None
    result, voxels = register(portal, arterial)
    volume = result.registration.volume
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), voxels)
    written = LPS @ cases.ijk_to_lps(sitk.ReadImage(str(tmp_path / "portal.nrrd")))
    np.testing.assert_allclose(world_grid(volume), written, atol=1e-4)
    if rows is cases.SHEAR:
        assert volume.GetTransformNodeID() is None
        return
    assert volume.GetTransformNodeID() == (transform.GetID() if transform else None)
    np.testing.assert_allclose(world_grid(volume), world_grid(portal), atol=1e-4)


def test_registration_nodes_have_names_a_role_and_a_folder(scene, phases, register):
    import slicer

    portal, arterial = phases
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.CreateItem(study, portal), study)
    arterial.CreateDefaultDisplayNodes()
    arterial.GetDisplayNode().SetAutoWindowLevel(False)
    arterial.GetDisplayNode().SetWindowLevel(320, 45)
    nodes = register(portal, arterial)[0].registration
    assert nodes.volume.GetName() == "ART registered"
    assert nodes.transform.GetName() == "ART to PV"
    assert "Not for clinical use" in nodes.transform.GetDescription()
    assert nodes.volume.GetAttribute("LiverRole") == "ArterialRegistered"
    assert arterial.GetAttribute("LiverRole") == "Arterial"
    assert (nodes.volume.GetDisplayNode().GetWindow(), nodes.volume.GetDisplayNode().GetLevel()) == (320, 45)
    for node in (nodes.volume, nodes.transform):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def shift():
    return sitk.TranslationTransform(3, (7.0, -4.0, 3.0))


def bent():
    """A rigid motion, and before it a B-spline: what registration leaves, portal points to arterial points."""
    grid = sitk.Image([12, 12, 12], sitk.sitkFloat32)
    grid.SetSpacing((12.0, 12.0, 12.0))
    grid.SetOrigin((-25.0, -25.0, -25.0))
    spline = sitk.BSplineTransformInitializer(grid, [3, 3, 3])
    drawn = np.random.default_rng(1).normal(0, 3, len(spline.GetParameters()))
    spline.SetParameters([float(value) for value in drawn])
    return sitk.CompositeTransform(
        [sitk.Euler3DTransform((0, 0, 0), 0.05, -0.03, 0.1, (5.0, 6.0, -7.0)), spline]
    )


def field():
    """The same as a field of displacements in the place of the B-spline."""
    both = bent()
    rigid, spline = both.GetNthTransform(0), both.GetNthTransform(1)
    size, origin, spacing = (48, 48, 48), (-25.0, -25.0, -25.0), (3.0, 3.0, 3.0)
    values = sitk.TransformToDisplacementField(spline, sitk.sitkVectorFloat64, size, origin, spacing)
    return sitk.CompositeTransform([rigid, sitk.DisplacementFieldTransform(values)])


@pytest.mark.parametrize("make", [shift, bent, field])
def test_transform_moves_the_arterial_onto_the_portal_volume(scene, register, tmp_path, make):
    """ITK's transform takes a portal point to an arterial one, so the node takes that one back; voxels follow."""
    import slicer
    import vtk

    from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

    grid = np.diag([-2.0, -2.0, 2.0, 1.0])
    shape = (40, 45, 50)
    portal = cases.add_volume(scene, "PV", grid, shape)
    arterial = cases.add_volume(scene, "ART", grid, shape)
    transform = make()
    nodes = register(portal, arterial, transform=transform)[0].registration
    to_world = vtk.vtkGeneralTransform()
    nodes.transform.GetTransformToWorld(to_world)
    for point in np.random.default_rng(0).uniform((20, 20, 20), (70, 65, 55), (30, 3)):
        there = np.array(transform.TransformPoint(point.tolist()))
        assert np.linalg.norm(there - point) > 1, "the case does not move the point"
        back = np.array(to_world.TransformPoint(there * (-1, -1, 1))) * (-1, -1, 1)
        np.testing.assert_allclose(back, point, atol=0.05)

    target = np.array([50.0, 44.0, 38.0])
    source = np.array(transform.TransformPoint(target.tolist()))
    z, y, x = np.meshgrid(*(2.0 * np.arange(n) for n in shape), indexing="ij")
    distance = np.linalg.norm(np.stack([x, y, z], -1) - source, axis=-1)
    slicer.util.updateVolumeFromArray(arterial, (1000 * np.exp(-((distance / 6) ** 2))).astype(np.float32))
    arterial.SetAndObserveTransformNodeID(nodes.transform.GetID())
    WorldVolume(arterial, "arterial").write(tmp_path / "moved.nrrd")
    moved = sitk.ReadImage(str(tmp_path / "moved.nrrd"))
    weights = sitk.GetArrayFromImage(moved)
    index = [float((weights * axis).sum() / weights.sum()) for axis in np.indices(weights.shape)[::-1]]
    np.testing.assert_allclose(moved.TransformContinuousIndexToPhysicalPoint(index), target, atol=0.4)


def test_refused_registration_is_reported_and_not_loaded(scene, phases, register):
    refused = cases.verdict("refused", "the two phases do not show the same anatomy")
    result, _ = register(*phases, verdict=refused)
    assert result.registration is None
    assert result.verdict.sentence == "Registration: refused. The two phases do not show the same anatomy."
    assert "no registered arterial volume was kept, because the registration was refused" in result.warnings
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 3, "two phases and the probability"
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == 0
    quiet, _ = register(*phases, verdict=refused, keep=False)
    assert quiet.warnings == ["a warning"]


def test_no_registration_nodes_unless_requested(scene, phases, register):
    result, _ = register(*phases, keep=False)
    assert result.registration is None
    assert result.verdict.grade == "good"
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 3, "two phases and the probability"


def test_another_run_replaces_the_registration_nodes(scene, phases, register):
    import slicer
    import vtk

    portal, arterial = phases
    first, _ = register(portal, arterial)
    other = cases.add_volume(scene, "ART2")
    nodes = scene.GetNumberOfNodes()
    second, voxels = register(
        portal,
        other,
        first=500,
        output=first.segmentation,
        transform=sitk.TranslationTransform(3, (0.0, 0.0, 9.0)),
    )
    assert second.registration.volume is first.registration.volume
    assert second.registration.transform is first.registration.transform
    assert scene.GetNumberOfNodes() == nodes
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(second.registration.volume), voxels)
    to_world = vtk.vtkGeneralTransform()
    second.registration.transform.GetTransformToWorld(to_world)
    np.testing.assert_allclose(to_world.TransformPoint(1, 2, 9), (1, 2, 0), atol=1e-9)
    assert second.registration.volume.GetName() == "ART2 registered"
    assert second.registration.transform.GetName() == "ART2 to PV"
    third, _ = register(portal, arterial)
    assert third.registration.volume is not first.registration.volume, (
        "a new segmentation has nodes of its own"
    )


def test_nodes_that_the_run_depended_on_are_not_replaced(scene, phases, register):
    """The arterial volume under the transform of the run, or its registered volume taken for the arterial one."""
    import slicer

    from LiverTumorAttentionGui.errors import PanelError

    portal, arterial = phases
    first, voxels = register(portal, arterial)
    arterial.SetAndObserveTransformNodeID(first.registration.transform.GetID())
    second, _ = register(portal, arterial, output=first.segmentation, transform=sitk.TranslationTransform(3))
    assert second.registration.transform is not first.registration.transform
    assert second.registration.volume is first.registration.volume
    with pytest.raises(PanelError, match="ART registered is the result of a run"):
        register(portal, first.registration.volume, output=first.segmentation, first=500)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(first.registration.volume), voxels)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def _overwrite(path):
    path.write_bytes(b"something else")


@pytest.mark.parametrize("name", ["registered.nrrd", "transform.h5"])
@pytest.mark.parametrize("damage", [Path.unlink, _cut, _overwrite])
def test_damaged_file_leaves_the_scene_unchanged(scene, phases, logic, register, tmp_path, name, damage):
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal, arterial = phases
    accepted, voxels = register(portal, arterial)
    before = accepted.segmentation.GetSegmentation().GetMTime(), scene.GetNumberOfNodes()
    cases.write_registration(tmp_path, first=500)
    damage(tmp_path / name)
    request = SegmentationRequest(
        portal=portal, arterial=arterial, model="m", keep_registered=True, output=accepted.segmentation
    )
    with pytest.raises(PanelError, match=r"registered arterial volume|transform that was computed"):
        logic.load(request, tmp_path)
    assert (accepted.segmentation.GetSegmentation().GetMTime(), scene.GetNumberOfNodes()) == before
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(accepted.registration.volume), voxels)


def test_registration_nodes_survive_saving_and_loading_the_scene(scene, phases, register, tmp_path):
    """Slicer writes the transform into a file of its own, in the same direction."""
    import slicer
    import vtk

    nodes = register(*phases, transform=bent())[0].registration
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(tmp_path / "saved.h5"))
    assert storage.WriteData(nodes.transform)
    again = slicer.vtkMRMLTransformNode()
    fresh = slicer.vtkMRMLTransformStorageNode()
    fresh.SetFileName(str(tmp_path / "saved.h5"))
    assert fresh.ReadData(again)
    points = []
    for node in (nodes.transform, again):
        to_parent = vtk.vtkGeneralTransform()
        to_parent.Concatenate(node.GetTransformToParent())
        points.append(to_parent.TransformPoint(-40.0, -35.0, 30.0))
    np.testing.assert_allclose(*points, atol=1e-3)
