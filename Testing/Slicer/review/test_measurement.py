"""The review in the scene: measured on balls of known size, drawn where it was measured, cancelled without a trace."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import ball_cases


@pytest.fixture
def review(case):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    return SceneReview(case.study)


def lines_of(case):
    from LiverTumorAttentionGui.scene.node_links import referenced_nodes

    return {node.GetName(): node for node in referenced_nodes(case.study.segmentation, "TumorDiameters")}


def column(table, title):
    array = table.GetTable().GetColumnByName(title)
    return None if array is None else [array.GetValue(row) for row in range(array.GetNumberOfValues())]


def ends_of(line):
    return np.array([line.GetNthControlPointPositionWorld(index) for index in range(2)])


def test_table_holds_what_was_measured(case, review):
    measured = review.measure(case.instances)
    table = case.study.segmentation.GetNodeReference("TumorTable")
    voxels = ball_cases.labels()
    assert column(table, "Tumor") == ["Tumor 1", "Tumor 2"]
    volumes = [np.count_nonzero(voxels == value) * case.voxel_ml for value in (2, 3)]
    assert column(table, "Volume (mL)") == pytest.approx(volumes, abs=5e-4)
    longest = [2 * radius for radius, _ in ball_cases.TUMORS]
    assert column(table, "Longest diameter (mm)") == pytest.approx(longest, abs=1.6)
    assert column(table, "Longest 3D diameter (mm)") == pytest.approx(longest, abs=2.5)
    assert column(table, "Portal venous (HU)") == [ball_cases.TUMOR_HU] * 2
    assert column(table, "Liver around, portal venous (HU)") == [ball_cases.LIVER_HU] * 2
    assert column(table, "Arterial (HU)") == [ball_cases.ARTERIAL_TUMOR_HU] * 2
    assert column(table, "Liver around, arterial (HU)") == [ball_cases.ARTERIAL_LIVER_HU] * 2
    # The difference: 130 - 60. Washout: (130 - 80) - (60 - 100).
    assert column(table, "Arterial \N{MINUS SIGN} portal difference (HU)") == [70.0] * 2
    assert column(table, "Washout (HU)") == [90.0] * 2
    to_surface = [ball_cases.LIVER_MM - np.linalg.norm(place) - radius for radius, place in ball_cases.TUMORS]
    assert column(table, "To liver surface (mm)") == pytest.approx(to_surface, abs=1.5)
    assert column(table, "Next tumor") == ["Tumor 2", "Tumor 1"]
    gap = np.linalg.norm(np.subtract(ball_cases.TUMORS[0][1], ball_cases.TUMORS[1][1])) - 13.0
    assert column(table, "To next tumor (mm)") == pytest.approx([gap, gap], abs=1.5)
    assert column(table, "Nearest vessel") == ["Portal vein"] * 2
    assert column(table, "Probability") is None, "no probability was kept"
    centres = [case.ras_beside_centre(place) for _, place in ball_cases.TUMORS]
    for axis, letter in enumerate("RAS"):
        found = column(table, f"Centroid {letter} (mm)")
        assert found == pytest.approx([centre[axis] for centre in centres], abs=0.2)
    assert [tumor.number for tumor in measured.tumors] == [1, 2]


def test_without_arterial_volume_or_vessels_there_are_no_such_columns(scene):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    case = ball_cases.make(scene, arterial=False)
    SceneReview(case.study).measure(case.instances)
    table = case.study.segmentation.GetNodeReference("TumorTable")
    for title in ("Arterial (HU)", "Washout (HU)", "Nearest vessel"):
        assert column(table, title) is None
    assert column(table, "Portal venous (HU)") == [ball_cases.TUMOR_HU] * 2


def test_lines_lie_where_the_diameters_were_measured(case, review):
    measured = review.measure(case.instances)
    review.show_diameters()
    lines = lines_of(case)
    assert sorted(lines) == [
        "Tumor 1 longest diameter",
        "Tumor 1 perpendicular",
        "Tumor 2 longest diameter",
        "Tumor 2 perpendicular",
    ]
    to_ras = np.array([-1.0, -1.0, 1.0])
    for tumor in measured.tumors:
        told = tumor.measurement
        longest, across = (
            lines[f"Tumor {tumor.number} {what}"] for what in ("longest diameter", "perpendicular")
        )
        np.testing.assert_allclose(
            ends_of(longest), np.array(told.longest_axial_diameter_lps_mm) * to_ras, atol=1e-4
        )
        np.testing.assert_allclose(
            ends_of(across), np.array(told.perpendicular_diameter_lps_mm) * to_ras, atol=1e-4
        )
        assert longest.GetLineLengthWorld() == pytest.approx(told.longest_axial_diameter_mm, abs=1e-3)
        # By geometry: a chord of the ball, through its middle, in the plane of two of the grid's axes.
        radius, place = ball_cases.TUMORS[tumor.number - 1]
        centre = case.ras_beside_centre(place)
        assert np.linalg.norm(ends_of(longest) - centre, axis=1) == pytest.approx([radius] * 2, abs=1.8)
        direction = np.diff(ends_of(longest), axis=0)[0]
        assert abs(direction @ case.grid[:3, 2]) < 1e-3
        assert abs(direction @ np.diff(ends_of(across), axis=0)[0]) < 1e-3
        segment = case.study.segmentation.GetSegmentation().GetSegment(f"Tumor_{tumor.number}")
        for line in (longest, across):
            assert line.GetLocked()
            assert line.GetDisplayNode().GetSelectedColor() == pytest.approx(segment.GetColor(), abs=1e-6)


def test_lines_move_with_the_segmentation(scene):
    """The transform above the study is changed: everything that was drawn goes with it."""
    from LiverTumorAttentionGui.review.measurement import SceneReview
    from Testing.Slicer import cases

    case = ball_cases.make(scene, moved=True)
    review = SceneReview(case.study)
    review.measure(case.instances)
    review.show_diameters([1])
    line = lines_of(case)["Tumor 1 longest diameter"]
    before = ends_of(line)
    shifted = np.array(cases.TURN_AND_SHIFT, float)
    shifted[:, 3] += (5, 6, 7)
    case.study.portal.GetParentTransformNode().SetMatrixTransformToParent(cases.matrix(shifted))
    np.testing.assert_allclose(ends_of(line), before + (5, 6, 7), atol=1e-4)


def test_chosen_tumors_are_shown_and_updated_by_a_new_measurement(case, review):
    review.measure(case.instances)
    review.show_diameters([2])
    assert review.shown_diameters == (2,)
    review.show_diameters([1])
    assert review.shown_diameters == (1,)
    assert len(lines_of(case)) == 2
    larger = ball_cases.labels(((11.0, ball_cases.TUMORS[0][1]),))
    review.measure(ball_cases.image(larger, case.grid))
    length = lines_of(case)["Tumor 1 longest diameter"].GetLineLengthWorld()
    assert length == pytest.approx(22.0, abs=1.8)
    review.clear_diameters()
    assert lines_of(case) == {}
    assert case.study.segmentation.GetScene().GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0


def test_diameters_of_unmeasured_tumors_are_refused(case, review):
    from LiverTumorAttentionGui.errors import PanelError

    with pytest.raises(PanelError, match="not been measured yet: measure them first"):
        review.show_diameters()
    review.measure(case.instances)
    review.show_diameters([1])
    with pytest.raises(PanelError, match="Tumor 7 was not measured"):
        review.show_diameters([2, 7])
    assert review.shown_diameters == (1,), "what was shown stays"


def test_cancel_leaves_the_scene_unchanged(scene):
    from LiverTumorAttentionGui.review.measurement import SceneReview
    from LiverTumorAttentionLib.errors import Cancelled
    from LiverTumorAttentionLib.progress import Progress

    case = ball_cases.make(scene)
    review = SceneReview(case.study)
    heard = []
    nodes = scene.GetNumberOfNodes()
    stops = iter([False, False, True])
    with pytest.raises(Cancelled):
        review.measure(case.instances, Progress(heard.append, lambda: next(stops, True)))
    assert heard
    assert scene.GetNumberOfNodes() == nodes
    assert review.review is None
    review.measure(case.instances, Progress(heard.append))
    assert heard[-1].fraction == 1.0
    table = case.study.segmentation.GetNodeReference("TumorTable")
    before = column(table, "Volume (mL)")
    other = ball_cases.image(ball_cases.labels(((11.0, (0, 0, 0)),)), case.grid)
    with pytest.raises(Cancelled):
        review.measure(other, Progress(None, lambda: True))
    assert column(table, "Volume (mL)") == before


def test_another_grid_is_refused(case, review):
    from LiverTumorAttentionGui.errors import PanelError

    nodes = case.study.segmentation.GetScene().GetNumberOfNodes()
    shifted = case.grid.copy()
    shifted[0, 3] += 30
    with pytest.raises(PanelError, match="do not lie on the same grid: their origin"):
        review.measure(ball_cases.image(ball_cases.labels(), shifted))
    assert case.study.segmentation.GetScene().GetNumberOfNodes() == nodes


def test_liver_without_tumors_gives_an_empty_table(case, review):
    review.measure(case.instances)
    review.show_diameters()
    review.measure(ball_cases.image(ball_cases.labels(()), case.grid))
    table = case.study.segmentation.GetNodeReference("TumorTable")
    assert column(table, "Tumor") == []
    assert review.shown_diameters == ()
