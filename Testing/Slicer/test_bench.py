"""The bench itself: it refuses what Slicer would refuse, and it loses no exception."""

from __future__ import annotations

import gc
import sys
import threading

import pytest


def load(text, tmp_path):
    import slicer

    path = tmp_path / "panel.ui"
    path.write_text(
        f'<ui version="4.0"><widget class="qMRMLWidget" name="top"><layout class="QVBoxLayout">'
        f"<item>{text}</item></layout></widget></ui>"
    )
    return slicer.util.childWidgetVariables(slicer.util.loadUI(str(path)))


def test_properties_are_attributes(application):
    import qt

    label = qt.QLabel()
    label.text = "liver"
    assert label.text == "liver"
    assert qt.QTimer.singleShot is not None
    with pytest.raises(AttributeError, match="'txt' does not exist on QLabel"):
        label.txt = "liver"
    with pytest.raises(AttributeError, match="has no attribute 'txt'"):
        label.txt  # noqa: B018


def test_signals_are_connected_by_signature(application):
    import qt

    button, heard = qt.QPushButton(), []

    def hear(checked):
        heard.append(checked)

    button.connect("clicked(bool)", hear)
    button.click()
    button.disconnect("clicked(bool)", hear)
    button.click()
    assert heard == [False]
    with pytest.raises(ValueError, match=r"no signal clickked\(bool\)"):
        button.connect("clickked(bool)", hear)


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (
            '<widget class="QLabel" name="a"><property name="txt"><string>x</string></property></widget>',
            "txt",
        ),
        (
            '<widget class="qMRMLNodeComboBox" name="a"><property name="nodeType"><string>x</string></property>'
            "</widget>",
            "nodeType",
        ),
        (
            '<widget class="ctkCollapsibleButton" name="a"><property name="open"><bool>true</bool></property></widget>',
            "open",
        ),
    ],
)
def test_ui_files_with_unknown_properties_are_refused(scene, tmp_path, widget, words):
    with pytest.raises(ValueError, match=f"has no property {words}"):
        load(widget, tmp_path)


def test_stand_ins_refuse_what_the_real_classes_lack(scene, tmp_path):
    ui = load('<widget class="qMRMLNodeComboBox" name="a"/>', tmp_path)
    with pytest.raises(ValueError, match="it has currentNodeChanged"):
        ui.a.connect("currentNodeChanged(QString)", print)
    with pytest.raises(AttributeError):
        ui.a.setNode(None)
    with pytest.raises(AttributeError, match="does not exist"):
        ui.a.node = None
    from Testing.bench import facts

    with pytest.raises(TypeError, match="has no invented"):
        facts.refuse_inventions(type("qMRMLWidget", (), {"invented": 1}), "qMRMLWidget")


def test_node_list_follows_the_scene(scene, tmp_path):
    ui = load(
        '<widget class="qMRMLNodeComboBox" name="a"><property name="nodeTypes"><stringlist>'
        "<string>vtkMRMLScalarVolumeNode</string></stringlist></property></widget>",
        tmp_path,
    )
    heard = []
    ui.a.setMRMLScene(scene)
    ui.a.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert ui.a.currentNode() is node, "without None as an entry, the first node is chosen"
    scene.RemoveNode(node)
    assert heard == [node, None]


def test_exception_in_a_slot_reaches_the_hook(application, monkeypatch):
    import qt

    caught = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: caught.append(error))
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda _: 1 / 0)
    button.click()
    assert [type(error) for error in caught] == [ZeroDivisionError]


def test_sample_data_is_kept_under_its_category_once(scene, monkeypatch):
    import SampleData
    import slicer

    monkeypatch.setattr(slicer.modules, "sampleDataSources", {}, raising=False)
    logic = SampleData.SampleDataLogic
    for _ in range(2):
        logic.registerCustomSampleDataSource(
            category="Liver",
            sampleName="Two phases",
            uris="https://host/a.nrrd",
            fileNames="a.nrrd",
            nodeNames="A",
        )
    (source,) = logic.sampleDataSourcesByCategory("Liver")
    assert (source.uris, source.fileNames, source.nodeNames) == (["https://host/a.nrrd"], ["a.nrrd"], ["A"])
    with pytest.raises(TypeError, match="unexpected keyword"):
        logic.registerCustomSampleDataSource(category="Liver", name="Two phases")
    with pytest.raises(ValueError, match="same length"):
        logic.registerCustomSampleDataSource(sampleName="Two", uris=["a", "b"], fileNames=["a"])


def test_startup_is_told_once(application, monkeypatch):
    import slicer

    from Testing.bench import slicer_like

    monkeypatch.setattr(slicer.app, "_at_startup", [])
    heard = []
    slicer.app.connect("startupCompleted()", lambda: heard.append("started"))
    slicer_like.finish_startup()
    slicer_like.finish_startup()
    assert heard == ["started"]
    with pytest.raises(ValueError, match="no signal"):
        slicer.app.connect("startupComplete()", print)


def test_scene_has_what_slicer_always_has(scene):
    import slicer

    logic = slicer.app.applicationLogic()
    assert logic.GetInteractionNode() is scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    assert logic.GetSelectionNode() is scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    volume.CreateDefaultDisplayNodes()
    assert volume.GetDisplayNode().GetColorNode().GetName() == "Grey"


def test_scenes_do_not_add_up_converters(scene):
    import slicer

    from Testing.bench import slicer_like

    factory = slicer.vtkSegmentationConverterFactory.GetInstance()
    names = [rule.GetName() for rule in factory.GetConverterRules()]
    assert names
    assert len(set(names)) == len(names)
    slicer_like.new_scene()
    assert [rule.GetName() for rule in factory.GetConverterRules()] == names


def test_no_other_thread_deletes_what_is_qts(application):
    """A cycle with a timer is left to the main thread, however much another thread allocates."""
    import qt

    deleted_by = []

    class Cycle:
        def __init__(self):
            self.timer, self.itself = qt.QTimer(), self

        def __del__(self):
            deleted_by.append(threading.current_thread())

    Cycle()
    busy = threading.Thread(target=lambda: [[] for _ in range(200_000)])
    busy.start()
    busy.join()
    assert deleted_by == []
    gc.collect()
    assert deleted_by == [threading.main_thread()]
