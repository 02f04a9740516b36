"""Compute on a server: what the panel keeps where, what it says, and a run through a server of this process."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

from Testing.Slicer import cases
from Testing.Slicer.test_real_child import constant_model, node_from, phantom  # noqa: F401  # a fixture

GROUP = "LiverTumorAttention"


class Stored(dict):
    """Settings of a computer, as QSettings keeps them."""

    def value(self, key):
        return self.get(key)

    def setValue(self, key, value):
        self[key] = value


def make_panel(stored, **options):
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    logic = LiverTumorAttentionLogic()
    logic.moduleName = "LiverTumorAttention"
    panel = SegmentationPanel(logic, stored=stored, **options)
    panel.enter()
    return panel


def choose(panel, address, token_file="", certificate=""):
    panel.ui.computeOnComboBox.setCurrentIndex(1)
    panel.ui.serverLineEdit.text = address
    panel.ui.tokenFileLineEdit.text = token_file
    panel.ui.certificateLineEdit.text = certificate


@pytest.fixture
def installed():
    """What the panel has asked to be installed."""
    calls = []
    return SimpleNamespace(
        calls=calls,
        ensure=lambda: calls.append("all"),
        ensure_requirements=lambda: calls.append("requirements"),
    )


def test_nothing_is_sent_unless_it_is_chosen(scene):
    panel = make_panel(Stored())
    assert panel.ui.computeOnComboBox.currentText == "This computer"
    for name in ("serverLineEdit", "tokenFileLineEdit", "certificateLineEdit", "serverNoticeLabel"):
        assert not getattr(panel.ui, name).isVisibleTo(panel.widget)
    settings = panel._segment.settings()
    assert settings.server is None
    assert "--server" not in settings.arguments()
    panel.cleanup()


def test_the_choice_is_kept_on_this_computer_and_never_in_the_scene(scene, tmp_path):
    stored = Stored()
    panel = make_panel(stored)
    choose(panel, "https://gpu.example:8642", "/home/me/token", "/home/me/site.pem")
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    assert stored == {
        f"{GROUP}/computeOn": "server",
        f"{GROUP}/server": "https://gpu.example:8642",
        f"{GROUP}/tokenFile": "/home/me/token",
        f"{GROUP}/certificate": "/home/me/site.pem",
    }
    scene.SetURL(str(tmp_path / "scene.mrml"))
    scene.Commit()
    text = (tmp_path / "scene.mrml").read_text()
    assert "LiverTumorAttention" in text
    assert not [word for word in ("gpu.example", "/home/me", "8642") if word in text]
    panel.cleanup()
    again = make_panel(stored)
    assert again.ui.computeOnComboBox.currentText == "Server"
    assert again.ui.serverLineEdit.text == "https://gpu.example:8642"
    assert not again.ui.advancedGroupBox.collapsed
    again.cleanup()


def test_a_run_is_given_the_server_and_needs_no_torch_here(scene, installed):
    requests = []

    def run(logic, request, **options):
        requests.append(request)
        return SimpleNamespace(start=lambda: None, cancel=lambda: None, abandon=lambda: None)

    panel = make_panel(Stored(), installer=installed, run_factory=run)
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    choose(panel, " https://gpu.example:8642 ", "/home/me/token")
    assert not panel.ui.deviceComboBox.enabled
    notice = panel.ui.serverNoticeLabel.text
    assert (
        "sends the voxels and the geometry of the chosen volumes and its settings to https://gpu.example:8642"
        in notice
    )
    panel.ui.segmentButton.click()
    assert installed.calls == ["requirements"]
    arguments = requests[0].arguments()
    place = arguments.index("--server")
    assert arguments[place : place + 4] == [
        *("--server", "https://gpu.example:8642", "--token-file", "/home/me/token")
    ]
    assert "--server-certificate" not in arguments
    panel.cleanup()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Give the address of the server, or compute on this computer."),
        (
            "gpu",
            "'gpu' is no address of a server: give http://127.0.0.1:8642 or https://HOST:8642. Or compute on",
        ),
        ("http://gpu.example:8642", "would be sent voxels in the clear"),
    ],
)
def test_an_address_that_is_none_is_said_before_a_run(scene, address, words):
    panel = make_panel(Stored())
    panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
    assert panel.ui.segmentButton.enabled
    choose(panel, address)
    assert not panel.ui.segmentButton.enabled
    assert words in panel.ui.segmentButton.toolTip
    assert words in panel.ui.serverNoticeLabel.text
    panel.ui.computeOnComboBox.setCurrentIndex(0)
    assert panel.ui.segmentButton.enabled
    panel.cleanup()


def test_files_are_chosen_with_buttons(scene):
    import qt

    from LiverTumorAttentionGui.sections.compute_on import ComputeOnSection

    panel = make_panel(Stored())
    asked, answers = [], ["/token", "", "/site.pem"]

    def choose_file(parent, title):
        asked.append(title)
        return answers.pop(0)

    section = ComputeOnSection(panel.ui, on_change=lambda: None, stored=Stored(), choose_file=choose_file)
    section._token_file_clicked()
    section._token_file_clicked()  # the dialog is cancelled
    section._certificate_clicked()
    assert (panel.ui.tokenFileLineEdit.text, panel.ui.certificateLineEdit.text) == ("/token", "/site.pem")
    assert asked[0] == "Choose the file of the token"
    assert qt.QSettings is not None
    section.disconnect()
    panel.cleanup()


def small_case(scene, monkeypatch, tmp_path):
    """A tiny CT in the scene, and a model for it."""
    import slicer

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    chosen = constant_model(tmp_path / "models")
    volume = cases.add_volume(scene, ijk_to_ras=np.diag([6.0, 6.0, 6.0, 1.0]), shape=(20, 40, 40))
    voxels = np.full((20, 40, 40), -1000, np.int16)
    voxels[2:18, 5:35, 5:35] = np.random.default_rng(0).integers(60, 120, (16, 30, 30))
    slicer.util.updateVolumeFromArray(volume, voxels)
    return volume, chosen


def test_a_dead_server_is_a_sentence_and_the_scene_stays(scene, wait_until, tmp_path, monkeypatch):
    volume, chosen = small_case(scene, monkeypatch, tmp_path)
    panel = make_panel(Stored())
    panel.ui.portalSelector.setCurrentNode(volume)
    panel.ui.modelComboBox.setCurrentIndex(panel.ui.modelComboBox.findData(chosen))
    choose(panel, "http://127.0.0.1:9")
    nodes = scene.GetNumberOfNodes()
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.running, "the real child has ended")
    assert "The server http://127.0.0.1:9 does not answer" in panel.ui.statusLabel.text
    assert "compute on this computer" in panel.ui.statusLabel.text
    assert "color" in panel.ui.statusLabel.styleSheet
    assert scene.GetNumberOfNodes() == nodes
    panel.cleanup()


def test_from_the_button_through_a_server_to_the_node(
    scene,
    phantom,  # noqa: F811
    wait_until,
    tmp_path,
    monkeypatch,
):
    pytest.importorskip("fastapi")
    import slicer

    from LiverTumorAttentionLib.server.settings import RUNNER
    from Testing.Library.server.conftest import running_server

    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "models"))
    chosen = constant_model(tmp_path / "models")
    token = tmp_path / "token"
    token.write_text("a-token-of-the-site-01\n")
    portal = node_from(scene, phantom.portal, "SMITH JOHN")
    panel = make_panel(Stored())
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.modelComboBox.setCurrentIndex(panel.ui.modelComboBox.findData(chosen))
    with running_server(tmp_path / "server", runner=RUNNER, token_file=str(token)) as server:
        choose(panel, server.url, str(token))
        panel.ui.segmentButton.click()
        wait_until(lambda: not panel.running, "the real child has ended")
        assert server.kept() == []
        assert len(server.engine.submitted) == 1, panel.ui.statusLabel.text
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1, panel.ui.statusLabel.text
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    liver = node.GetSegmentation().GetSegmentIdBySegmentName("Liver")
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, liver, portal).any()
    assert scene.GetFirstNodeByName("SMITH JOHN") is portal
    assert os.listdir(tmp_path / "server") == [".lock"]
    panel.cleanup()
