"""Nodes in, nodes out, on real MRML: what is written for the child, and what is loaded from it."""

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
def segment(logic, tmp_path):
    """Return a function that runs prepare, a child's writing, and load; gives (result, instances)."""
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    def run(portal, *, tumors=2, **options):
        request = SegmentationRequest(portal=portal, model="m", **options)
        logic.prepare(request, tmp_path)
        instances = cases.write_result(tmp_path, tumors)
        return logic.load(request, tmp_path), instances

    return run


def rows_of(matrix):
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def segment_array(result, name, volume):
    """Return a segment as bool array on a volume's grid, whatever transforms lie above the two."""
    import slicer

    segmentation = result.segmentation
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName(name)
    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume) != 0


def check_voxels(result, instances, volume):
    np.testing.assert_array_equal(segment_array(result, "Liver", volume), instances > 0)
    for value in range(2, instances.max() + 1):
        np.testing.assert_array_equal(segment_array(result, f"Tumor {value - 1}", volume), instances == value)


# Preparation -----------------------------------------------------------------------------------------------


def test_arguments_are_the_command_lines(scene, logic, tmp_path):
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal, arterial = cases.add_volume(scene), cases.add_volume(scene, "ART")
    request = SegmentationRequest(portal=portal, arterial=arterial, model="demonstration", device="cpu")
    arguments = logic.prepare(request, tmp_path)
    from LiverTumorAttentionLib.cli import build_parser

    options = build_parser().parse_args(arguments)
    assert (options.model, options.device, options.progress) == ("demonstration", "cpu", "json")
    assert Path(options.portal).is_file()
    assert Path(options.arterial).is_file()
    assert Path(options.output).parent == tmp_path


def test_reasons_why_a_run_cannot_start(scene, logic, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    volume = cases.add_volume(scene)
    assert logic.problem(volume, None, "m") == ""
    assert "portal venous CT first" in logic.problem(None, volume, "m")
    assert "same volume" in logic.problem(volume, volume, "m")
    assert "No model" in logic.problem(volume, None, "")
    with pytest.raises(PanelError, match="same volume"):
        logic.prepare(SegmentationRequest(portal=volume, arterial=volume, model="m"), tmp_path)


# What is loaded --------------------------------------------------------------------------------------------


def test_result_is_loaded_voxel_by_voxel(scene, segment):
    portal = cases.add_volume(scene)
    result, instances = segment(portal)
    names = result.segmentation.GetSegmentation()
    assert [names.GetNthSegment(index).GetName() for index in range(names.GetNumberOfSegments())] == [
        "Liver",
        "Tumor 1",
        "Tumor 2",
    ]
    check_voxels(result, instances, portal)


def test_segments_carry_snomed_codes(scene, segment):
    result, _ = segment(cases.add_volume(scene))
    codes = {"Liver": ("SCT^10200004^",), "Tumor 1": ("SCT^4147007^",)}
    for name, parts in codes.items():
        segmentation = result.segmentation.GetSegmentation()
        tags = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
        import slicer
        import vtk

        entry = vtk.reference("")
        assert tags.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
        assert all(part in str(entry) for part in parts), entry


def test_empty_result_is_a_result(scene, segment):
    portal = cases.add_volume(scene)
    result, instances = segment(portal, tumors=0)
    check_voxels(result, instances, portal)
    assert result.segmentation.GetSegmentation().GetNumberOfSegments() == 1
    assert result.table.GetNumberOfRows() == 0
    assert result.summary == "No tumor was found. Liver: 1234 mL."


@pytest.mark.parametrize("rows", [cases.TURN_AND_SHIFT, cases.SHEAR], ids=["turned", "sheared"])
def test_volume_under_a_transform(scene, segment, rows):
    """A turned volume takes its segmentation along, exactly; a sheared one gets it in the world."""
    portal = cases.add_volume(scene, shape=(8, 12, 14))
    transform = cases.put_under_transform(scene, portal, rows)
    result, instances = segment(portal)
    if rows is cases.TURN_AND_SHIFT:
        assert result.segmentation.GetTransformNodeID() == transform.GetID()
        check_voxels(result, instances, portal)
        transform.SetMatrixTransformToParent(cases.matrix(np.eye(4)))
        check_voxels(result, instances, portal)
    else:
        assert result.segmentation.GetTransformNodeID() is None


def test_reference_geometry_is_the_portal_volume(scene, segment):
    import slicer

    portal = cases.add_volume(scene)
    cases.put_under_transform(scene, portal, cases.TURN_AND_SHIFT)
    result, _ = segment(portal)
    node = result.segmentation
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is portal
    text = node.GetSegmentation().GetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    )
    grid = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, grid, False)
    import vtk

    to_world = vtk.vtkMatrix4x4()
    grid.GetImageToWorldMatrix(to_world)
    np.testing.assert_allclose(rows_of(to_world), np.vstack([cases.OBLIQUE, [0, 0, 0, 1]]), atol=1e-5)
    assert grid.GetDimensions() == portal.GetImageData().GetDimensions()


def test_result_lies_beside_the_portal_volume(scene, segment):
    import slicer

    portal = cases.add_volume(scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.CreateItem(study, portal), study)
    result, _ = segment(portal)
    for node in (result.segmentation, result.table):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_surfaces_are_shown(scene, segment):
    result, _ = segment(cases.add_volume(scene))
    node = result.segmentation
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert node.GetClosedSurfaceInternalRepresentation(
        node.GetSegmentation().GetSegmentIdBySegmentName("Tumor 1")
    ).GetNumberOfPoints()
    assert node.GetDisplayNode().GetVisibility3D()


def test_table_has_a_row_a_tumor_in_ras(scene, segment):
    table = segment(cases.add_volume(scene))[0].table.GetTable()
    titles = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    assert "Arterial (HU)" not in titles, "there was no arterial volume"
    assert table.GetNumberOfRows() == 2
    values = {title: table.GetValueByName(1, title).ToString() for title in titles}
    assert values["Tumor"] == "Tumor 2"
    assert float(values["Volume (mL)"]) == 1.5
    centroid = [float(values[f"Centroid {axis} (mm)"]) for axis in "RAS"]
    assert centroid == [-10.0, -21.0, 30.0]


def test_volumes_carry_their_role(scene, segment):
    portal, arterial = cases.add_volume(scene), cases.add_volume(scene, "ART")
    segment(portal, arterial=arterial)
    assert portal.GetAttribute("LiverRole") == "PortalVenous"
    assert arterial.GetAttribute("LiverRole") == "Arterial"


def test_chosen_segmentation_is_replaced_with_its_table(scene, segment):
    portal = cases.add_volume(scene)
    first, _ = segment(portal, tumors=2)
    second, instances = segment(portal, tumors=1, output=first.segmentation)
    assert second.segmentation is first.segmentation
    assert second.table is first.table
    assert second.table.GetNumberOfRows() == 1
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    check_voxels(second, instances, portal)
    assert second.segmentation.GetClosedSurfaceInternalRepresentation(
        second.segmentation.GetSegmentation().GetSegmentIdBySegmentName("Tumor 1")
    ).GetNumberOfPoints()


def _damage_nothing(folder):
    (folder / "segmentation.seg.nrrd").unlink()


def _damage_file(folder):
    (folder / "segmentation.seg.nrrd").write_bytes(b"NRRD0004\nnot a segmentation")


def _cut_file(folder):
    path = folder / "segmentation.seg.nrrd"
    path.write_bytes(path.read_bytes()[:-20])


def _rename_liver(folder):
    path = folder / "segmentation.seg.nrrd"
    path.write_bytes(path.read_bytes().replace(b"_Name:=Liver", b"_Name:=Thing"))


def _damage_report(folder):
    (folder / "report.json").write_text('{"tumors": [{"number": 1}]}')


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_damage_nothing, "no segmentation"),
        (_damage_file, "cannot be read"),
        (_cut_file, "is damaged"),
        (_rename_liver, "holds no liver"),
        (_damage_report, "report"),
    ],
)
def test_damaged_result_leaves_the_scene_as_it_was(scene, logic, tmp_path, segment, damage, words):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal = cases.add_volume(scene)
    accepted, instances = segment(portal)
    nodes = scene.GetNumberOfNodes()
    portal.RemoveAttribute("LiverRole")
    request = SegmentationRequest(portal=portal, model="m", output=accepted.segmentation)
    damage(tmp_path)
    with pytest.raises(PanelError, match=words):
        logic.load(request, tmp_path)
    assert scene.GetNumberOfNodes() == nodes
    assert portal.GetAttribute("LiverRole") is None
    check_voxels(accepted, instances, portal)


def test_volume_removed_during_the_run(scene, logic, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal = cases.add_volume(scene)
    request = SegmentationRequest(portal=portal, model="m")
    logic.prepare(request, tmp_path)
    cases.write_result(tmp_path)
    scene.RemoveNode(portal)
    with pytest.raises(PanelError, match="was removed during the run"):
        logic.load(request, tmp_path)


def test_output_removed_during_the_run_becomes_a_new_node(scene, logic, tmp_path):
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal = cases.add_volume(scene)
    output = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    request = SegmentationRequest(portal=portal, model="m", output=output)
    logic.prepare(request, tmp_path)
    cases.write_result(tmp_path)
    scene.RemoveNode(output)
    assert logic.load(request, tmp_path).segmentation.GetScene() is scene


# What is tied together, and a run over decisions -----------------------------------------------------------


def test_settings_reach_the_command_line(scene, logic, tmp_path):
    from LiverTumorAttentionGui.segmentation import SegmentationRequest
    from LiverTumorAttentionLib.cli import build_parser

    portal = cases.add_volume(scene)
    plain = SegmentationRequest(portal=portal, model="m")
    options = build_parser().parse_args(logic.prepare(plain, tmp_path))
    assert options.save_probability == str(tmp_path / "probability.nrrd")
    assert (options.tumor_threshold, options.minimum_diameter_mm) == (None, None)
    assert options.operating_point is None
    request = SegmentationRequest(
        portal=portal,
        model="m",
        keep_probability=False,
        threshold=0.35,
        minimum_diameter_mm=4.5,
        operating_point="sensitive",
    )
    options = build_parser().parse_args(logic.prepare(request, tmp_path))
    assert options.save_probability is None
    assert (options.tumor_threshold, options.minimum_diameter_mm) == (0.35, 4.5)
    assert options.operating_point == "sensitive"


@pytest.mark.parametrize("rows", [None, cases.TURN_AND_SHIFT, cases.SHEAR], ids=["free", "turned", "sheared"])
def test_result_is_a_study_with_probability_and_report(scene, segment, rows):
    import json

    from LiverTumorAttentionGui.scene.study import Study

    portal = cases.add_volume(scene)
    if rows is not None:
        cases.put_under_transform(scene, portal, rows)
    result, instances = segment(portal)
    study = Study.of(result.segmentation)
    assert study.portal is portal
    assert study.probability is result.probability
    assert result.probability.GetName() == "PV tumor probability"
    assert not result.merged
    assert not result.summary.startswith("The run found")
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(study.probability_image()), 0.1 + 0.8 * (instances > 1), atol=1e-6
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(study.instances()), instances)
    report = json.loads(result.segmentation.GetAttribute("LiverTumorAttention_Report"))
    assert report["liver"] == {"volume_ml": 1234.4}


def test_second_run_reuses_or_lets_go_of_the_probability(scene, segment):
    portal = cases.add_volume(scene)
    first, _ = segment(portal)
    second, _ = segment(portal, output=first.segmentation)
    assert second.probability is first.probability
    third, _ = segment(portal, output=first.segmentation, keep_probability=False)
    assert third.probability is None
    assert third.segmentation.GetNodeReference("TumorProbability") is None


def test_missing_probability_leaves_the_scene_as_it_was(scene, logic, tmp_path, segment):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest

    portal = cases.add_volume(scene)
    segment(portal)
    nodes = scene.GetNumberOfNodes()
    (tmp_path / "probability.nrrd").unlink()
    with pytest.raises(PanelError, match="no probability of tumor behind"):
        logic.load(SegmentationRequest(portal=portal, model="m"), tmp_path)
    assert scene.GetNumberOfNodes() == nodes


def test_run_over_decisions_keeps_them(scene, logic, segment):
    """Accepted and rejected stay, with the controller and its undo; the table is of the lesions that there are now."""
    from LiverTumorAttentionLib.correction import Accept, Reject

    portal = cases.add_volume(scene, shape=(8, 12, 14))
    first, _ = segment(portal, tumors=2)
    controller = logic.controller(first.segmentation)
    controller.do(Accept(lesion=1))
    controller.do(Reject(lesion=2))
    second, instances = segment(portal, tumors=3, output=first.segmentation)
    assert second.merged
    assert second.summary.startswith("The run found ")
    assert second.segmentation is first.segmentation
    assert logic.controller(first.segmentation) is controller
    assert [(row.number, row.status) for row in controller.rows()] == [
        (1, "accepted"),
        (2, "rejected"),
        (3, "draft"),
    ]
    np.testing.assert_array_equal(segment_array(second, "Tumor 3", portal), instances == 4)
    assert not segment_array(second, "Tumor 2", portal).any()
    names = [second.table.GetTable().GetValueByName(row, "Tumor").ToString() for row in range(2)]
    assert names == ["Tumor 1", "Tumor 3"]
    assert second.table.GetNumberOfRows() == 2
    assert "what was decided or edited stays as it was" in second.summary
    assert controller.session.case.probability is not None
    controller.undo()
    assert [row.number for row in controller.rows()] == [1, 2]


def test_run_replaces_what_nobody_touched(scene, logic, segment):
    portal = cases.add_volume(scene)
    first, _ = segment(portal, tumors=2)
    controller = logic.controller(first.segmentation)
    second, instances = segment(portal, tumors=1, output=first.segmentation)
    assert not second.merged
    check_voxels(second, instances, portal)
    again = logic.controller(first.segmentation)
    assert again is not controller
    assert [row.number for row in again.rows()] == [1]
    assert again.session.entries == ()


def test_run_on_another_volume_leaves_decisions_alone(scene, logic, segment):
    from LiverTumorAttentionLib.correction import Accept

    portal, other = cases.add_volume(scene), cases.add_volume(scene, "later")
    first, instances = segment(portal, tumors=2)
    logic.controller(first.segmentation).do(Accept(lesion=1))
    second, _ = segment(other, tumors=1, output=first.segmentation)
    assert second.segmentation is not first.segmentation
    assert "about another volume, so the result is a new segmentation" in second.summary
    check_voxels(first, instances, portal)


def test_status_alone_keeps_a_lesion(scene, logic, segment):
    """Accepted in Slicer's own list of segments, without a controller."""
    import slicer

    portal = cases.add_volume(scene, shape=(8, 12, 14))
    first, before = segment(portal, tumors=2)
    status = slicer.vtkSlicerSegmentationsModuleLogic
    status.SetSegmentStatus(first.segmentation.GetSegmentation().GetSegment("Tumor_2"), status.Completed)
    second, _ = segment(portal, tumors=0, output=first.segmentation)
    assert second.merged
    assert second.summary.startswith("The run found no tumor.")
    np.testing.assert_array_equal(segment_array(second, "Tumor 2", portal), before == 3)
    assert [row.number for row in logic.controller(first.segmentation).rows()] == [2]


def test_damaged_result_over_decisions_changes_nothing(scene, logic, tmp_path, segment):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import SegmentationRequest
    from LiverTumorAttentionLib.correction import Accept

    portal = cases.add_volume(scene)
    first, instances = segment(portal)
    controller = logic.controller(first.segmentation)
    controller.do(Accept(lesion=1))
    _cut_file(tmp_path)
    with pytest.raises(PanelError, match="is damaged"):
        logic.load(SegmentationRequest(portal=portal, model="m", output=first.segmentation), tmp_path)
    assert logic.controller(first.segmentation) is controller
    assert len(controller.session.entries) == 1
    check_voxels(first, instances, portal)
