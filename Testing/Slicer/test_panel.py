"""The panel, built from its .ui file on real Qt and real MRML, its buttons pressed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from Testing.Slicer import cases, scene_facts

# What stands in for child.py: it does what the first line of a plan file says.
FAKE_CHILD = """
import json, shutil, sys, time
from pathlib import Path
plan = Path(__file__).with_suffix(".plan").read_text()
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
def say(**event):
    print(json.dumps(event), flush=True)
say(event="progress", stage="liver", fraction=0.4, message="")
if plan == "hang":
    time.sleep(600)
while plan == "hold" and not Path(__file__).with_name("release").exists():
    time.sleep(0.02)
if plan == "fail":
    say(event="error", kind="InputError", message="the portal volume is no CT")
    sys.exit(2)
if plan == "crash":
    raise RuntimeError("odd")
say(event="warning", message="the arterial volume was left out")
result = Path(__file__).with_name("result")
shutil.copy(result / "segmentation.seg.nrrd", options["--output"])
shutil.copy(result / "report.json", options["--report"])
kept = {"--save-registered": "registered.nrrd", "--save-transform": "transform.h5"}
kept["--save-probability"] = "probability.nrrd"
for option, name in kept.items():
    if option in options:
        shutil.copy(result / name, options[option])
say(event="progress", stage="writing", fraction=1.0, message="")
say(event="done", output=options["--output"], tumors=2)
"""


def write_probability(folder: Path, labels: np.ndarray) -> None:
    """Write the probability of tumor beside a portal.nrrd: 0.9 in every tumor."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.where(labels > 1, 0.9, 0.0).astype(np.float32))
    image.CopyInformation(sitk.ReadImage(str(folder / "portal.nrrd")))
    sitk.WriteImage(image, str(folder / "probability.nrrd"))


class Plan:
    """A fake child and what it is to do."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "child.py"
        self.script.write_text(FAKE_CHILD)
        self._result = folder / "result"
        self._result.mkdir()
        self.runs = []
        self.do("succeed")

    def do(self, what: str) -> None:
        self.script.with_suffix(".plan").write_text(what)

    def result_for(self, volume, tumors: int = 2, registration: dict | None = None) -> np.ndarray:
        from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

        WorldVolume(volume, "portal venous").write(self._result / "portal.nrrd")
        if registration is not None:
            cases.write_registration(self._result)
        labels = cases.write_result(self._result, tumors, registration)
        write_probability(self._result, labels)
        return labels

    def factory(self, *arguments, **options):
        from LiverTumorAttentionGui.segmentation import SegmentationRun

        run = SegmentationRun(*arguments, script=self.script, program=sys.executable, **options)
        self.runs.append(run)
        return run


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path)


@pytest.fixture
def models():
    def listed():
        from LiverTumorAttentionGui.model_collection import ModelChoice

        return [
            ModelChoice(id="demonstration", title="Demonstration", statement="trained on synthetic data"),
            ModelChoice(id="other", title="Other", statement="another one", has_operating_points=True),
        ]

    return listed


@pytest.fixture
def panel(scene, plan, models):
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    made = SegmentationPanel(
        LiverTumorAttentionLogic(),
        models=models,
        installer=SimpleNamespace(ensure=lambda: None, ensure_requirements=lambda: None),
        run_factory=plan.factory,
    )
    made.enter()
    made.ui.advancedGroupBox.collapsed = False
    yield made
    made.cleanup()


@pytest.fixture
def press(panel, wait_until):
    """Return a function that presses Segment tumors and, unless told otherwise, waits for the end."""

    def go(wait: bool = True) -> None:
        assert panel.ui.segmentButton.enabled, panel.ui.segmentButton.toolTip
        panel.ui.segmentButton.click()
        if wait:
            wait_until(lambda: not panel.running, "the run has ended")

    return go


def counts(scene):
    return [scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node") for kind in ("Segmentation", "Table")]


# Before a run ----------------------------------------------------------------------------------------------


def test_panel_says_what_it_is(panel):
    assert panel.ui.noticeLabel.text == "Not for clinical use."
    assert panel.ui.statementLabel.text == "trained on synthetic data"
    assert panel.ui.segmentButton.text == "Segment tumors"
    assert panel.ui.thresholdSpinBox.text == panel.ui.minimumDiameterSpinBox.text == "Model's own"


def test_button_says_why_it_is_disabled(panel, scene):
    button = panel.ui.segmentButton
    assert not button.enabled
    assert "portal venous" in button.toolTip
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    assert button.enabled
    assert "portal venous" not in button.toolTip
    panel.ui.arterialSelector.setCurrentNode(volume)
    assert not button.enabled
    assert "same volume" in button.toolTip
    panel.ui.arterialSelector.setCurrentNode(None)
    scene.RemoveNode(volume)
    assert not button.enabled


def test_choices_are_kept_in_the_scene(panel, scene):
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    panel.ui.modelComboBox.setCurrentIndex(1)
    panel.ui.deviceComboBox.setCurrentIndex(1)
    assert panel.ui.statementLabel.text == "another one"
    panel.leave()
    panel.enter()
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    kept = LiverTumorAttentionLogic().getParameterNode()
    assert (kept.portal, kept.model, kept.device) == (volume, "other", "cpu")
    assert panel.ui.portalSelector.currentNode() is volume
    assert panel.ui.modelComboBox.currentIndex == 1


def test_only_fitting_nodes_are_offered(panel, scene):
    cases.add_volume(scene)
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "s")
    assert panel.ui.portalSelector.nodeCount() == 1
    assert panel.ui.outputSelector.nodeCount() == 1


def test_broken_model_list_is_said_and_disables_the_button(scene):
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    def broken():
        raise OSError("disk is gone")

    panel = SegmentationPanel(LiverTumorAttentionLogic(), models=broken)
    panel.enter()
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    assert "disk is gone" in panel.ui.statusLabel.text
    assert not panel.ui.segmentButton.enabled
    assert "No model is installed" in panel.ui.segmentButton.toolTip
    panel.cleanup()


def test_models_that_come_and_go_are_listed_anew(scene):
    from LiverTumorAttentionGui.model_collection import ModelChoice
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    installed = [ModelChoice(id=name, title=name, statement=f"about {name}") for name in ("first", "second")]
    opened = []

    class Manager:
        def __init__(self, parent, *, on_changed):
            opened.append(on_changed)

        def open(self):
            opened.append("open")

        def cleanup(self):
            opened.append("cleanup")

    panel = SegmentationPanel(
        LiverTumorAttentionLogic(), models=lambda: list(installed), model_manager=Manager
    )
    panel.enter()
    panel.ui.modelComboBox.setCurrentIndex(1)
    panel.ui.manageModelsButton.click()
    panel.ui.manageModelsButton.click()
    assert opened[1:] == ["open", "open"], "one dialog"
    installed.insert(0, ModelChoice(id="new", title="new", statement="about new"))
    opened[0]()
    assert panel.ui.modelComboBox.count == 3
    assert panel.ui.modelComboBox.currentText == "second", "the choice stays"
    del installed[-1]
    opened[0]()
    assert panel.ui.modelComboBox.currentText == "new"
    assert panel.ui.statementLabel.text == "about new"
    panel.cleanup()
    assert opened[-1] == "cleanup"


@pytest.mark.parametrize("how", ["done", "cancelled", "refused"])
def test_sample_case_is_chosen_once_it_is_there(scene, how):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.process.protocol import Outcome
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    heard = {}

    def load_sample(on_progress, on_finished):
        if how == "refused":
            raise PanelError("The Python packages were not installed.")
        heard.update(progress=on_progress, finished=on_finished)
        return SimpleNamespace(cancel=lambda: None, abandon=lambda: heard.update(abandoned=True))

    panel = SegmentationPanel(LiverTumorAttentionLogic(), models=list, load_sample=load_sample)
    panel.enter()
    ui = panel.ui
    ui.sampleButton.click()
    if how == "refused":
        assert ui.statusLabel.text == "The Python packages were not installed."
        assert not panel.running
        panel.cleanup()
        return
    heard["progress"](0.5, "organs")
    assert (ui.progressBar.value, ui.stageLabel.text) == (50, "Organs")
    assert not ui.inputsButton.enabled
    assert ui.cancelButton.enabled
    if how == "done":
        volumes = SimpleNamespace(portal=cases.add_volume(scene), arterial=cases.add_volume(scene, "ART"))
        heard["finished"](Outcome(status="done", message=""), volumes)
        assert ui.portalSelector.currentNode() is volumes.portal
        assert ui.arterialSelector.currentNode() is volumes.arterial
        assert "shows no patient" in ui.statusLabel.text
    else:
        heard["finished"](Outcome(status="cancelled", message="Cancelled."), None)
        assert ui.statusLabel.text == "Cancelled."
    assert ui.inputsButton.enabled
    panel.cleanup()
    assert "abandoned" not in heard


# A run -----------------------------------------------------------------------------------------------------


def test_button_leads_to_nodes(panel, scene, plan, press, wait_until):
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    plan.result_for(volume)
    plan.do("hold")
    press(wait=False)
    assert not panel.ui.segmentButton.enabled
    assert not panel.ui.inputsButton.enabled
    assert panel.ui.cancelButton.enabled
    wait_until(lambda: panel.ui.stageLabel.text == "Liver", "the stage is shown")
    assert panel.ui.progressBar.value == 40
    plan.script.with_name("release").touch()
    wait_until(lambda: not panel.running, "the run has ended")
    assert counts(scene) == [1, 1]
    assert panel.ui.statusLabel.text.splitlines() == [
        "2 tumors, 3.0 mL in all. Liver: 1234 mL.",
        "Warning: the arterial volume was left out",
        "Warning: a warning",
    ]
    assert panel.ui.segmentButton.enabled
    assert not panel.ui.cancelButton.enabled
    study = panel.ui.studySelector.currentNode()
    assert study is scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert panel.ui.outputSelector.currentNode() is study, "the next run goes into the same study"
    press()
    assert counts(scene) == [1, 1]
    assert panel.ui.lesionTable.rowCount == 2


@pytest.mark.parametrize(
    ("what", "words"), [("fail", "The portal volume is no CT."), ("crash", "RuntimeError: odd")]
)
def test_failure_is_said_and_changes_nothing(panel, scene, plan, press, what, words):
    import slicer

    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    plan.result_for(volume)
    press()
    accepted = slicer.util.getNode("PV liver tumors*")
    panel.ui.outputSelector.setCurrentNode(accepted)
    before = accepted.GetSegmentation().GetMTime()
    plan.do(what)
    press()
    assert words in panel.ui.statusLabel.text
    assert "color" in panel.ui.statusLabel.styleSheet
    assert counts(scene) == [1, 1]
    assert accepted.GetSegmentation().GetNumberOfSegments() == 3
    assert accepted.GetSegmentation().GetMTime() == before
    plan.do("succeed")
    plan.result_for(volume, tumors=1)
    press()
    assert panel.ui.statusLabel.styleSheet == ""
    assert accepted.GetSegmentation().GetNumberOfSegments() == 2


def test_another_ct_never_fills_this_study(panel, scene, plan, press):
    first, other = cases.add_volume(scene), cases.add_volume(scene, "other")
    panel.ui.portalSelector.setCurrentNode(first)
    plan.result_for(first)
    press()
    study = panel.ui.studySelector.currentNode()
    panel.ui.portalSelector.setCurrentNode(other)
    assert panel.ui.outputSelector.currentNode() is None
    assert "another CT" in panel.ui.statusLabel.text
    assert panel.ui.studySelector.currentNode() is study, "the user goes on looking at it"
    panel.ui.outputSelector.setCurrentNode(study)
    assert panel.ui.outputSelector.currentNode() is None
    press()
    assert counts(scene) == [2, 2]
    assert panel.ui.studySelector.currentNode() is not study


@pytest.mark.parametrize("wanted", [True, False])
def test_advanced_choices_reach_the_child(panel, scene, plan, press, wanted):
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    plan.result_for(volume)
    if wanted:
        panel.ui.thresholdSpinBox.value = 0.35
        panel.ui.minimumDiameterSpinBox.value = 0.0
    else:
        panel.ui.keepProbabilityCheckBox.click()
    seen = []
    prepare = panel._logic.prepare
    panel._logic.prepare = lambda request, folder: seen.append(request) or prepare(request, folder)
    press()
    assert seen[0].threshold == (0.35 if wanted else None)
    assert seen[0].minimum_diameter_mm == (0.0 if wanted else None)
    assert seen[0].keep_probability is wanted
    kept = panel.ui.studySelector.currentNode().GetNodeReference("TumorProbability")
    assert (kept is not None) is wanted


def test_an_operating_point_is_for_models_that_have_some(panel, scene, plan, press):
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    plan.result_for(volume)
    points, models = panel.ui.operatingPointComboBox, panel.ui.modelComboBox
    assert [points.itemText(index) for index in range(points.count)] == ["Sensitive", "Balanced", "Specific"]
    seen = []
    prepare = panel._logic.prepare
    panel._logic.prepare = lambda request, folder: seen.append(request) or prepare(request, folder)
    assert not points.enabled
    assert "gives no lesion probability" in points.toolTip
    press()
    models.setCurrentIndex(models.findData("other"))
    assert points.enabled
    assert points.currentData == "balanced"
    assert "Sensitive keeps nearly all lesions" in points.toolTip
    points.setCurrentIndex(points.findData("specific"))
    assert panel._logic.getParameterNode().operating_point == "specific"
    press()
    models.setCurrentIndex(models.findData("demonstration"))
    assert not points.enabled
    press()
    assert [request.operating_point for request in seen] == [None, "specific", None]


def test_result_that_cannot_be_loaded_is_said(panel, scene, plan, press):
    volume = cases.add_volume(scene)
    panel.ui.portalSelector.setCurrentNode(volume)
    plan.result_for(volume)
    (plan.script.with_name("result") / "segmentation.seg.nrrd").write_bytes(b"NRRD")
    nodes = scene.GetNumberOfNodes()
    press()
    assert "cannot be read" in panel.ui.statusLabel.text
    assert panel.ui.segmentButton.enabled
    assert scene.GetNumberOfNodes() == nodes


def gone(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.fixture
def hanging(panel, scene, plan, press, wait_until):
    """A run that hangs; gives its process id."""
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    plan.do("hang")
    press(wait=False)
    wait_until(lambda: panel.ui.progressBar.value == 40, "the child has spoken")
    return plan.runs[-1].pid


def test_cancel_ends_the_child_and_changes_nothing(panel, scene, hanging, wait_until):
    nodes = scene.GetNumberOfNodes()
    assert not gone(hanging)
    panel.ui.cancelButton.click()
    assert not panel.ui.cancelButton.enabled
    wait_until(lambda: not panel.running, "the run has ended")
    assert gone(hanging)
    assert panel.ui.statusLabel.text == "Cancelled. The scene is unchanged."
    assert panel.ui.progressBar.value == 0
    assert panel.ui.segmentButton.enabled
    assert scene.GetNumberOfNodes() == nodes


def test_module_that_goes_away_ends_the_child(panel, hanging):
    panel.cleanup()
    assert gone(hanging)


def test_scene_that_closes_ends_the_child(panel, scene, hanging):
    panel.scene_closes()
    assert gone(hanging)
    assert "scene was closed" in panel.ui.statusLabel.text
    assert not panel.running


def test_run_goes_on_while_another_module_is_open(panel, hanging, wait_until):
    panel.leave()
    assert panel.running
    panel.enter()
    assert not panel.ui.segmentButton.enabled
    assert panel.ui.cancelButton.enabled
    panel.ui.cancelButton.click()
    wait_until(lambda: not panel.running, "the run has ended")


def test_declined_installation_is_said(panel, scene, press):
    from LiverTumorAttentionGui.errors import PanelError

    def decline():
        raise PanelError("PyTorch was not installed, so nothing was computed.")

    panel._segment._installer = SimpleNamespace(ensure=decline)
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    press()
    assert panel.ui.statusLabel.text == "PyTorch was not installed, so nothing was computed."
    assert panel.ui.segmentButton.enabled


# A scene that changes during a run ------------------------------------------------------------------------


def move(volume):
    volume.SetOrigin([value + 5.0 for value in volume.GetOrigin()])


def put_below(volume):
    cases.put_under_transform(volume.GetScene(), volume, cases.TURN_AND_SHIFT)


def revalue(volume):
    import slicer

    slicer.util.arrayFromVolume(volume)[2, 3, 4] += 7


def replace_voxels(volume):
    import slicer

    slicer.util.updateVolumeFromArray(volume, np.zeros((5, 9, 11), np.int16))


@pytest.fixture
def during(panel, scene, plan, press, wait_until):
    """Return a function that presses Segment, changes something, and lets the run end; gives the facts before."""

    def go(change) -> dict:
        release = plan.script.with_name("release")
        release.unlink(missing_ok=True)
        plan.do("hold")
        press(wait=False)
        wait_until(lambda: panel.ui.progressBar.value == 40, "the child has spoken")
        change()
        before = scene_facts.facts(scene)
        release.touch()
        wait_until(lambda: not panel.running, "the run has ended")
        return before

    return go


@pytest.mark.parametrize("which", [0, 1], ids=["portal", "arterial"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (move, "was moved"),
        (put_below, "was moved"),
        (revalue, "got other voxels"),
        (replace_voxels, "got other voxels"),
    ],
)
def test_result_of_a_volume_that_changed_is_refused_whole(
    panel, scene, plan, phases, during, which, change, words
):
    plan.result_for(phases[0], registration=cases.verdict())
    before = during(lambda: change(phases[which]))
    name = ("portal venous volume PV", "arterial volume ART")[which]
    assert f"The {name} {words} during the run, so the result is not loaded" in panel.ui.statusLabel.text
    assert panel.ui.statusLabel.styleSheet
    assert scene_facts.facts(scene) == before
    assert panel.ui.registrationLabel.isHidden()


def test_volume_that_was_renamed_gets_its_result(panel, scene, plan, phases, during):
    plan.result_for(phases[0], registration=cases.verdict())
    during(lambda: phases[0].SetName("CT of March"))
    assert panel.ui.studySelector.currentNode().GetName() == "CT of March liver tumors"


@pytest.mark.parametrize("again", [False, True], ids=["new study", "same study"])
@pytest.mark.parametrize("error", ["PanelError", "ValueError"])
def test_error_while_loading_leaves_the_scene_as_it_was(
    panel, scene, plan, press, phases, monkeypatch, again, error
):
    from LiverTumorAttentionGui import segmentation
    from LiverTumorAttentionGui.errors import PanelError

    plan.result_for(phases[0], registration=cases.verdict())
    if again:
        press()
        panel.ui.lesionTable.selectRow(0)
        panel.ui.acceptButton.click()
        plan.result_for(phases[0], tumors=1, registration=cases.verdict("doubtful"))
    before, count = scene_facts.facts(scene), scene.GetNumberOfNodes()

    def broken(*_):
        raise {"PanelError": PanelError, "ValueError": ValueError}[error]("The table does not fit.")

    monkeypatch.setattr(segmentation, "fill_tumor_table", broken)
    press()
    assert "The table does not fit." in panel.ui.statusLabel.text
    assert panel.ui.statusLabel.styleSheet
    assert scene_facts.facts(scene) == before
    assert scene.GetNumberOfNodes() == count
    monkeypatch.undo()
    if again:
        assert panel.ui.lesionTable.rowCount == 2
        assert panel.ui.lesionTable.item(0, 1).text() == "accepted"
    press()
    assert "mL in all" in panel.ui.statusLabel.text


def test_result_and_inputs_are_of_one_ct(panel, scene, plan, phases, during):
    """The parameters may be changed during a run, for example by a scene that is added."""
    other = cases.add_volume(scene, "other")
    plan.result_for(phases[0], registration=cases.verdict())

    def choose():
        panel._parameters.portal, panel._parameters.arterial = other, None

    during(choose)
    study = panel.ui.studySelector.currentNode()
    assert study.GetNodeReference("PortalVenous") is phases[0]
    assert panel.ui.portalSelector.currentNode() is phases[0]
    assert panel.ui.arterialSelector.currentNode() is phases[1]
    assert panel.ui.outputSelector.currentNode() is study
    assert "The inputs show PV again" in panel.ui.statusLabel.text


def test_study_that_is_chosen_brings_its_ct(panel, scene, plan, press, phases):
    plan.result_for(phases[0])
    panel.ui.arterialSelector.setCurrentNode(None)
    press()
    study = panel.ui.studySelector.currentNode()
    panel.ui.studySelector.setCurrentNode(None)
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene, "other"))
    panel.ui.arterialSelector.setCurrentNode(cases.add_volume(scene, "other ART"))
    panel.ui.studySelector.setCurrentNode(study)
    assert panel.ui.portalSelector.currentNode() is phases[0]
    assert panel.ui.arterialSelector.currentNode() is None, "maybe of another patient"
    assert "The inputs now show PV" in panel.ui.statusLabel.text


def test_models_dialog_can_be_used_during_a_run(panel, scene, plan, press, wait_until):
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    panel.ui.manageModelsButton.click()
    dialog = panel._inputs._manager
    plan.do("hang")
    press(wait=False)
    assert not panel.ui.inputsButton.enabled
    assert dialog.widget.isEnabled()
    assert dialog.ui.closeModelsButton.isEnabled()
    panel.ui.cancelButton.click()
    wait_until(lambda: not panel.running, "the run has ended")


# Registration ----------------------------------------------------------------------------------------------


@pytest.fixture
def phases(panel, scene):
    """The two volumes, chosen."""
    portal, arterial = cases.add_volume(scene), cases.add_volume(scene, "ART")
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.arterialSelector.setCurrentNode(arterial)
    return portal, arterial


def test_verdict_is_shown_in_words_and_colour_and_cleared(panel, plan, press, phases, wait_until):
    label = panel.ui.registrationLabel
    assert label.isHidden()
    colours = []
    for grade in ("good", "doubtful", "refused"):
        plan.result_for(phases[0], registration=cases.verdict(grade, "a plain reason"))
        press()
        assert not label.isHidden()
        assert label.text == f"Registration: {grade}. A plain reason."
        assert "4.2 mm on average" in label.toolTip
        assert "Not for clinical use." in label.toolTip
        colours.append(label.styleSheet)
    assert colours[0] == ""
    assert len({*colours}) == 3
    plan.do("hang")
    press(wait=False)
    assert (label.isHidden(), label.text, label.toolTip) == (True, "", "")
    panel.ui.cancelButton.click()
    wait_until(lambda: not panel.running, "the run has ended")
    assert label.isHidden()


def test_no_verdict_without_an_arterial_volume(panel, plan, press, phases):
    plan.result_for(phases[0], registration=cases.verdict())
    press()
    panel.ui.arterialSelector.setCurrentNode(None)
    plan.result_for(phases[0])
    press()
    assert panel.ui.registrationLabel.isHidden()
    assert panel.ui.registrationLabel.text == ""
    assert not panel.ui.keepRegisteredCheckBox.enabled


def test_keep_is_on_at_first_and_kept_in_the_scene(panel, phases):
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    box = panel.ui.keepRegisteredCheckBox
    assert box.enabled
    assert box.checked, "corrections and measures look at both phases"
    box.click()
    assert not LiverTumorAttentionLogic().getParameterNode().keep_registered
    panel.leave()
    LiverTumorAttentionLogic().getParameterNode().keep_registered = True
    panel.enter()
    assert box.checked


def test_kept_registration_can_be_compared(panel, scene, plan, press, phases, wait_until):
    view = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    portal, button = phases[0], panel.ui.compareButton
    assert not button.enabled
    assert "Keep registered phases" in button.toolTip
    panel.ui.keepRegisteredCheckBox.click()
    plan.result_for(portal, registration=cases.verdict())
    press()
    assert not button.enabled, "nothing was kept"
    panel.ui.keepRegisteredCheckBox.click()
    press()
    registered = scene.GetFirstNodeByName("ART registered")
    assert button.enabled
    assert "half see-through" in button.toolTip
    panel.ui.portalSelector.setCurrentNode(phases[1])
    button.click()
    assert view.GetBackgroundVolumeID() == portal.GetID(), "the volume of the run, whatever is chosen now"
    assert view.GetForegroundVolumeID() == registered.GetID()
    button.click()
    assert view.GetForegroundVolumeID() is None
    panel.leave()
    panel.enter()
    assert button.enabled
    scene.RemoveNode(registered)
    wait_until(lambda: not button.enabled, "the missing volume is noticed")


@pytest.mark.parametrize("why", ["refused", "not kept", "portal removed"])
def test_nothing_to_compare_after_all(panel, scene, plan, press, phases, why, wait_until):
    portal = phases[0]
    plan.result_for(portal, registration=cases.verdict())
    press()
    assert panel.ui.compareButton.enabled
    panel.ui.outputSelector.setCurrentNode(None)  # in the same study the earlier registration would stay
    if why == "portal removed":
        scene.RemoveNode(portal)
    elif why == "not kept":
        panel.ui.keepRegisteredCheckBox.click()
        press()
    else:
        plan.result_for(portal, registration=cases.verdict("refused", "they differ"))
        press()
        assert "no registered arterial volume was kept" in panel.ui.statusLabel.text
    wait_until(lambda: not panel.ui.compareButton.enabled, "there is nothing to compare")


def test_run_that_ends_in_another_module_can_be_compared(panel, plan, press, phases, wait_until):
    plan.result_for(phases[0], registration=cases.verdict())
    plan.do("hold")
    press(wait=False)
    panel.leave()
    plan.script.with_name("release").touch()
    wait_until(lambda: not panel.running, "the run has ended")
    panel.enter()
    assert panel.ui.compareButton.enabled
    assert panel.ui.registrationLabel.text.startswith("Registration: good.")


# The module file -------------------------------------------------------------------------------------------


def test_module_builds_its_widget_and_ends_with_the_scene(application, scene):
    import qt
    import slicer

    import LiverTumorAttention as module

    description = SimpleNamespace(path=module.__file__)
    module.LiverTumorAttention(description)
    assert description.categories == ["Segmentation"]
    assert "Not for clinical use" in description.helpText
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    parent.setProperty("isEntered", True)
    type(parent).isEntered = True
    try:
        widget = module.LiverTumorAttentionWidget(parent)
        widget.setup()
        widget.exit()
        widget.enter()
        scene.Clear()
        cases.add_volume(scene)
        assert widget.panel.ui.portalSelector.nodeCount() == 1
        widget.cleanup()
    finally:
        del type(parent).isEntered
    case = module.LiverTumorAttentionTest()
    case.runTest()
