"""Delayed and native phase in the panel: chosen, handed to the run, loaded, shown, measured and kept."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import DELAYED, LATE_ARTERIAL, NATIVE, PORTAL
from Testing.Slicer import cases, study_cases
from Testing.Slicer.scene.test_input_volumes import add_trunk
from Testing.Slicer.test_panel import Plan

FURTHER = ("delayed", "native")


@pytest.fixture
def logic(scene):
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    return LiverTumorAttentionLogic()


@pytest.fixture
def run(scene, logic, tmp_path):
    """Return a function that runs a case of three phases, of which some registrations may be refused."""
    from LiverTumorAttentionGui.segmentation import SegmentationRequest
    from LiverTumorAttentionLib.io import write_image

    def go(refused=(), output=None):
        nodes = {role: cases.add_volume(scene, role) for role in ("portal", *FURTHER)}
        nodes["delayed"].SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
        request = SegmentationRequest(**nodes, model="m", keep_registered=True, output=output)
        arguments = logic.prepare(request, tmp_path)
        cases.write_result(tmp_path)
        report = json.loads((tmp_path / "report.json").read_text())
        report["further_registrations"] = {
            phase: cases.verdict("refused" if phase in refused else "good") for phase in FURTHER
        }
        for tumor in report["tumors"]:
            tumor |= {"mean_hu_delayed": 71.0, "mean_hu_native": 43.0}
        (tmp_path / "report.json").write_text(json.dumps(report))
        portal = sitk.ReadImage(str(tmp_path / "portal.nrrd"))
        for hu, phase in enumerate(FURTHER, start=30):
            write_image(tmp_path / f"registered-{phase}.nrrd", sitk.Cast(portal * 0 + hu, sitk.sitkInt16))
        return SimpleNamespace(result=logic.load(request, tmp_path), nodes=nodes, arguments=arguments)

    return go


def test_they_are_handed_to_the_run_with_their_headers(run, tmp_path):
    from LiverTumorAttentionLib.cli import build_parser
    from LiverTumorAttentionLib.pipeline.headers_file import read_headers

    options = build_parser().parse_args(run().arguments)
    assert (options.delayed, options.native) == tuple(str(tmp_path / f"{each}.nrrd") for each in FURTHER)
    assert options.save_delayed == str(tmp_path / "registered-delayed.nrrd")
    assert options.save_native == str(tmp_path / "registered-native.nrrd")
    assert (options.save_registered, options.save_transform) == (None, None)
    told = read_headers(options.headers)
    assert {role: facts.description for role, facts in told.items()} == {
        role: role for role in ("portal", *FURTHER)
    }


def test_the_registered_phases_are_loaded_and_kept_with_the_case(run):
    import slicer

    from LiverTumorAttentionGui.scene.study import Study

    made = run()
    study = Study.of(made.result.segmentation)
    assert study.arterial is None
    for hu, phase in enumerate(FURTHER, start=30):
        node = study.registered(phase)
        assert node.GetName() == f"{phase} registered"
        assert (slicer.util.arrayFromVolume(node) == hu).all()
        assert set(np.unique(study_cases.sitk_array(study.registered_image(phase)))) == {hu}
        assert node.GetAttribute("LiverRole") == f"{phase.capitalize()}Registered"
        assert made.nodes[phase].GetAttribute("LiverRole") == phase.capitalize()
    assert study.registered("delayed").GetAttribute("LiverTumorAttention_SourceInstances") == "1.2.3 1.2.4"
    table = made.result.table.GetTable()
    assert [table.GetValueByName(0, f"{name} (HU)").ToDouble() for name in ("Delayed", "Native")] == [71, 43]


def test_a_refused_phase_is_not_kept_and_said(run):
    from LiverTumorAttentionGui.scene.study import Study

    made = run(refused=("native",))
    study = Study.of(made.result.segmentation)
    assert study.registered("native") is None
    assert study.registered("delayed") is not None
    assert (
        "no registered native volume was kept, because the registration was refused" in made.result.warnings
    )


def test_they_come_back_with_the_scene(run, scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.scene.study import Study
    from Testing.bench.scenes import load_scene, save_scene

    run()
    again = load_scene(save_scene(tmp_path / "saved"))
    node = again.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    study = Study.of(node)
    for hu, phase in enumerate(FURTHER, start=30):
        assert (slicer.util.arrayFromVolume(study.registered(phase)) == hu).all()


def test_results_of_every_kind_are_no_inputs(run, scene):
    from LiverTumorAttentionGui.scene.input_volumes import derived_ids, input_volumes
    from LiverTumorAttentionGui.scene.study import Study

    made = run()
    study = Study.of(made.result.segmentation)
    difference = cases.add_volume(scene, "arterial minus portal")
    study.segmentation.SetNodeReferenceID("PhaseDifference", difference.GetID())
    results = {study.registered("delayed"), study.registered("native"), study.probability, difference}
    assert {scene.GetNodeByID(each) for each in derived_ids(scene)} == results
    assert input_volumes(scene) == list(made.nodes.values())


def test_one_volume_cannot_be_two_phases(scene, logic):
    portal, other = cases.add_volume(scene), cases.add_volume(scene, "other")
    assert logic.problem(portal, None, "m", delayed=other) == ""
    assert (
        logic.problem(portal, other, "m", native=other)
        == "The arterial and the native CT are the same volume: choose two, or no native one."
    )


def test_a_measurement_and_a_report_have_them(panel, scene, study, tmp_path):
    """All of the tumor is 20 HU brighter in the delayed phase, and 70 HU darker in the native one."""
    import slicer

    from LiverTumorAttentionGui.review.measurement import SceneReview
    from LiverTumorAttentionGui.review.report_run import write_case

    for phase, more in (("delayed", 20), ("native", -70)):
        node = cases.add_volume(scene, phase)
        slicer.util.updateVolumeFromArray(node, slicer.util.arrayFromVolume(study.portal) + more)
        node.CopyOrientation(study.portal)
        study.segmentation.SetNodeReferenceID(f"Registered{phase.capitalize()}", node.GetID())
    review = SceneReview(study).measure(study.instances())
    for tumor in review.tumors:
        portal = tumor.measurement.mean_hu_portal
        assert tumor.measurement.mean_hu_delayed == pytest.approx(portal + 20)
        assert tumor.brightness.enhancement_portal_hu == pytest.approx(70)
    arguments = write_case(study, study.instances(), tmp_path)
    named = dict(zip(arguments[::2], arguments[1::2], strict=True))
    hu = study_cases.sitk_array(sitk.ReadImage(named["--delayed"]))
    np.testing.assert_array_equal(hu, study_cases.sitk_array(study.portal_image()) + 20)
    assert "--native" in named


def test_the_reading_layout_shows_them_in_their_order(panel, scene, study):
    import slicer

    for phase in ("Arterial", "Delayed"):
        node = cases.add_volume(scene, phase)
        slicer.util.updateVolumeFromArray(node, slicer.util.arrayFromVolume(study.portal) + 5)
        node.CopyOrientation(study.portal)
        study.segmentation.SetNodeReferenceID(f"Registered{phase}", node.GetID())
    panel.active_case.reopen()
    panel.ui.readingButton.click()
    description = scene.GetFirstNodeByClass("vtkMRMLLayoutNode").GetCurrentLayoutDescription()
    tags = ["LTAPortal", "LTAArterial", "LTADelayed", "LTADifference"]
    places = [description.index(tag) for tag in tags]
    assert places == sorted(places)
    assert "LTANative" not in description


# The panel -------------------------------------------------------------------------------------------------


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path)


@pytest.fixture
def chooser(scene, plan):
    from LiverTumorAttentionGui.model_collection import ModelChoice
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    made = SegmentationPanel(
        LiverTumorAttentionLogic(),
        models=lambda: [
            ModelChoice(id="plain", title="Plain", statement=""),
            ModelChoice(id="late", title="Late", statement="", needs=("delayed",)),
        ],
        installer=SimpleNamespace(ensure=lambda: None, ensure_requirements=lambda: None),
        run_factory=plan.factory,
    )
    yield made
    made.cleanup()


def test_the_selectors_are_folded_away_until_one_is_used(chooser, scene, plan, wait_until):
    portal, delayed = cases.add_volume(scene, "one"), cases.add_volume(scene, "two")
    plan.result_for(portal)
    chooser.enter()
    assert chooser.ui.furtherPhasesGroupBox.collapsed
    chooser.ui.portalSelector.setCurrentNode(portal)
    chooser.ui.delayedSelector.setCurrentNode(delayed)
    assert not chooser.ui.furtherPhasesGroupBox.collapsed
    chooser.ui.keepRegisteredCheckBox.checked = False
    chooser.ui.segmentButton.click()
    wait_until(lambda: not chooser.running, "the run has ended")
    (made,) = plan.runs
    assert made._request.delayed is delayed
    assert chooser.ui.delayedSelector.currentNode() is delayed


def test_all_phases_are_chosen_when_the_panel_opens(chooser, scene):
    made = {
        role: add_trunk(scene, f"{number}: Abdomen", phase)
        for number, (role, phase) in enumerate(
            {"portal": PORTAL, "native": NATIVE, "arterial": LATE_ARTERIAL, "delayed": DELAYED}.items()
        )
    }
    chooser.enter()
    for role, node in made.items():
        assert getattr(chooser.ui, f"{role}Selector").currentNode() is node, role
    assert "Native CT: 1: Abdomen, native phase" in chooser.ui.statusLabel.text


def test_a_model_that_needs_a_phase_says_which(chooser, scene):
    portal, delayed = cases.add_volume(scene, "one"), cases.add_volume(scene, "two")
    chooser.enter()
    chooser.ui.portalSelector.setCurrentNode(portal)
    assert chooser.ui.segmentButton.enabled
    chooser.ui.modelComboBox.setCurrentIndex(1)
    assert not chooser.ui.segmentButton.enabled
    assert (
        chooser.ui.segmentButton.toolTip
        == "The model Late needs the delayed phase: choose its CT too, or another model."
    )
    chooser.ui.delayedSelector.setCurrentNode(delayed)
    assert chooser.ui.segmentButton.enabled


# Whose volumes they are ------------------------------------------------------------------------------------

TAGS = {"patient": "0010,0020", "study": "0020,000D", "frame": "0020,0052", "description": "0008,103E"}


def from_dicom(scene, database, name, **told):
    node = cases.add_volume(scene, name)
    database[name] = {TAGS[what]: value for what, value in told.items()}
    node.SetAttribute("DICOM.instanceUIDs", name)
    return node


def test_the_database_tells_another_patient(scene, logic, database):
    portal = from_dicom(scene, database, "a", patient="17")
    other, same = (from_dicom(scene, database, name, patient=who) for name, who in (("b", "18"), ("c", "17")))
    assert "b is of another patient than a" in logic.problem(portal, None, "m", delayed=other)
    assert logic.problem(portal, same, "m") == ""


def test_what_the_headers_say_reaches_the_check_of_the_run(scene, logic, database, tmp_path):
    from LiverTumorAttentionGui.segmentation import SegmentationRequest
    from LiverTumorAttentionLib.errors import PhaseMismatch
    from LiverTumorAttentionLib.pipeline.headers_file import read_headers
    from LiverTumorAttentionLib.pipeline.phase_check import check_same_patient

    portal = from_dicom(scene, database, "a", patient="17", study="1.2", frame="1.2.3", description="PV 70s")
    arterial = from_dicom(scene, database, "b", patient="17", study="1.9", frame="1.2.3")
    request = SegmentationRequest(portal=portal, arterial=arterial, model="m")
    logic.prepare(request, tmp_path)
    facts = read_headers(tmp_path / "headers.json")
    assert facts["portal"].frame_uid == "1.2.3"
    assert facts["portal"].description == "PV 70s"
    with pytest.raises(PhaseMismatch, match="the arterial volume is of another study"):
        check_same_patient(facts)


def test_volumes_of_two_studies_are_left_to_the_user(scene, database):
    from LiverTumorAttentionGui.scene.phase_choice import choose_phases

    volumes = [
        from_dicom(scene, database, name, patient="17", study=study, description=name)
        for name, study in (("PV", "1.2"), ("ART", "1.3"))
    ]
    assert choose_phases(volumes).volumes == {}
