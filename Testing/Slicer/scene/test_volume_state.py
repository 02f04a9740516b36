"""The state of a volume: what counts as another volume, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import cases


@pytest.fixture
def state_of(scene):
    from LiverTumorAttentionGui.scene.volume_state import VolumeState

    return lambda node: VolumeState.of(node, "portal venous")


def one_voxel(node):
    import slicer

    slicer.util.arrayFromVolume(node)[0, 0, 0] += 1  # without Modified, as scripts forget


def other_type(node):
    import slicer

    slicer.util.updateVolumeFromArray(node, slicer.util.arrayFromVolume(node).view(np.uint16))


def shifted(node):
    node.SetOrigin([value + 0.01 for value in node.GetOrigin()])


def below_a_transform(node):
    cases.put_under_transform(node.GetScene(), node, cases.TURN_AND_SHIFT)


def below_a_warp(node):
    import vtk

    warp = vtk.vtkThinPlateSplineTransform()
    warp.SetBasisToR()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for x, y, z in ((0, 0, 0), (90, 0, 0), (0, 90, 0), (0, 0, 90), (20, -30, 110)):
        source.InsertNextPoint(x, y, z)
        target.InsertNextPoint(x + (4 if z == 110 else 0), y, z)
    warp.SetSourceLandmarks(source)
    warp.SetTargetLandmarks(target)
    transform = node.GetScene().AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())


def emptied(node):
    node.SetAndObserveImageData(None)


@pytest.mark.parametrize("change", [shifted, below_a_transform, below_a_warp])
def test_a_volume_that_was_moved(scene, state_of, change):
    from LiverTumorAttentionGui.errors import PanelError

    node = cases.add_volume(scene)
    state = state_of(node)
    change(node)
    with pytest.raises(
        PanelError, match=r"portal venous volume PV was moved during the run.* Segment again\."
    ):
        state.check_unchanged()


@pytest.mark.parametrize("change", [one_voxel, other_type, emptied])
def test_a_volume_with_other_voxels(scene, state_of, change):
    from LiverTumorAttentionGui.errors import PanelError

    node = cases.add_volume(scene)
    state = state_of(node)
    change(node)
    with pytest.raises(PanelError, match=r"portal venous volume PV got other voxels during the run"):
        state.check_unchanged()


def test_what_does_not_change_a_volume(scene, state_of):
    node = cases.add_volume(scene)
    state = state_of(node)
    node.SetName("renamed")
    node.GetImageData().Modified()
    node.CreateDefaultDisplayNodes()
    cases.put_under_transform(scene, node, np.eye(4))
    state.check_unchanged()
