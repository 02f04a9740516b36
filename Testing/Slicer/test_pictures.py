"""The pictures of the scene show what the scene holds, where it is."""

from __future__ import annotations

import numpy as np
import pytest

GREEN = (0.0, 1.0, 0.0)
CENTER = (-12.0, 6.0, 4.0)


def ball(shape, spacing_mm, center_mm, radius_mm):
    """A ball in an array (z, y, x) whose first voxel lies at the origin; centre as (x, y, z)."""
    z, y, x = (np.arange(n) * s for n, s in zip(shape, spacing_mm[::-1], strict=True))
    distances = [
        (axis - c) ** 2 for axis, c in zip(np.meshgrid(z, y, x, indexing="ij"), center_mm[::-1], strict=True)
    ]
    return sum(distances) <= radius_mm**2


@pytest.fixture
def views(scene):
    from Testing.bench import rendering

    reason = rendering.why_not()
    if reason:
        pytest.skip(reason)
    from Testing.bench.pictures import Views

    with Views(size=200) as views:
        yield views


@pytest.fixture
def segmentation(scene):
    """A CT of 96 x 80 x 60 mm about the origin, and a ball of 10 mm around CENTER as its segment."""
    import slicer

    spacing = (1.0, 1.0, 2.0)
    shape = (30, 80, 96)
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(volume, np.full(shape, 60, np.int16))
    volume.SetSpacing(spacing)
    volume.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    volume.SetOrigin(48, 40, -30)
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(400, 60)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment = segmentation.GetSegmentation().AddEmptySegment("Tumor 1", "Tumor 1", GREEN)
    inside = ball(shape, spacing, (48 - CENTER[0], 40 - CENTER[1], CENTER[2] + 30), 10.0)
    slicer.util.updateSegmentBinaryLabelmapFromArray(inside.astype(np.uint8), segmentation, segment, volume)
    return segmentation


def volume_of(segmentation):
    return segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())


def is_green(color):
    red, green, blue = (int(part) for part in color)
    return green > red + 40 and green > blue + 40


def beside(axis, mm):
    return tuple(c + (mm if i == axis else 0) for i, c in enumerate(CENTER))


@pytest.mark.parametrize(("name", "axes"), [("axial", (0, 1)), ("coronal", (0, 2)), ("sagittal", (1, 2))])
def test_slice_shows_the_segment_where_it_is_and_the_volume_around(segmentation, views, name, axes):
    views.show(volume_of(segmentation))
    view = views[name]
    picture = view.picture(CENTER)
    assert picture.shape == (200, 200, 3)
    assert is_green(picture[view.where(CENTER)])
    for axis in axes:
        for side in (-1, 1):
            assert is_green(picture[view.where(beside(axis, side * 7.0))]), (axis, side)
            outside = picture[view.where(beside(axis, side * 13.0))]
            assert outside.tolist() == pytest.approx([127] * 3, abs=2), "the middle of the window is mid grey"


def test_slice_elsewhere_does_not_show_the_segment(segmentation, views):
    views.show(volume_of(segmentation))
    picture = views["axial"].picture((0.0, 0.0, CENTER[2] + 16.0))
    assert not any(is_green(color) for color in picture.reshape(-1, 3))


def test_modules_jump_shows_in_the_picture(segmentation, views):
    import slicer

    views.show(volume_of(segmentation))
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *CENTER)
    view = views["axial"]
    assert is_green(view.picture()[view.where(CENTER)])


def test_line_is_drawn_between_its_points(segmentation, views, scene):
    views.show(volume_of(segmentation))
    line = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Diameter")
    line.CreateDefaultDisplayNodes()
    line.GetDisplayNode().SetSelectedColor(1.0, 0.0, 0.0)
    for x in (10.0, 30.0):
        line.AddControlPoint(x, -20.0, CENTER[2])
    view = views["axial"]
    row, column = view.where((20.0, -20.0, CENTER[2]))
    around = view.picture(CENTER)[row - 2 : row + 3, column].astype(int)
    assert (around[:, 0] - around[:, 2]).max() > 60


def test_3d_view_shows_the_surface(segmentation, views):
    assert not any(is_green(color) for color in views.three_d.picture().reshape(-1, 3))
    segmentation.CreateClosedSurfaceRepresentation()
    picture = views.three_d.picture()
    assert is_green(picture[100, 100])


def test_3d_view_is_turned(segmentation, views):
    import slicer

    volume, segments = volume_of(segmentation), segmentation.GetSegmentation()
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "Tumor 1", volume)
    segment = segments.AddEmptySegment("Tumor 2", "Tumor 2", (0.0, 0.0, 1.0))
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.roll(array, -26, axis=2), segmentation, segment, volume
    )
    segmentation.CreateClosedSurfaceRepresentation()

    def colors_seen():
        pixels = views.three_d.picture().reshape(-1, 3)
        red, green, blue = pixels.T.astype(int)
        return {
            name
            for name, there in (("green", green > 2 * blue), ("blue", (blue > 2 * green) & (blue > 2 * red)))
            if there.any()
        }

    assert colors_seen() == {"green", "blue"}
    views.three_d.turn(90.0)
    assert len(colors_seen()) == 1, "from the side one ball hides the other"


def test_hidden_segment_is_not_drawn(segmentation, views):
    views.show(volume_of(segmentation))
    segmentation.GetDisplayNode().SetSegmentVisibility("Tumor 1", False)
    assert not any(is_green(color) for color in views["axial"].picture(CENTER).reshape(-1, 3))


def test_story_step_has_panel_views_and_caption(segmentation, views, tmp_path):
    import qt
    from PySide6 import QtGui

    from Testing.bench.pictures import save_step

    views.show(volume_of(segmentation))
    panel = qt.QLabel("panel")
    panel.setFixedSize(120, 300)
    panel.styleSheet = "background: #0000ff"
    path = tmp_path / "step.png"
    save_step(path, "A tumor is shown. Not for clinical use.", views.pictures(CENTER), panel)
    page = QtGui.QImage(str(path))
    assert (page.width(), page.height()) == (126 + 2 * 206, 2 * 206 + 40)
    assert page.pixelColor(60, 250).getRgb()[:3] == (0, 0, 255)
    row, column = views["axial"].where(CENTER)
    assert is_green(page.pixelColor(126 + column, row).getRgb()[:3])
    below = [(x, y) for x in range(page.width()) for y in range(2 * 206, page.height())]
    assert any(page.pixelColor(x, y).lightness() < 128 for x, y in below), "the caption is written below"
