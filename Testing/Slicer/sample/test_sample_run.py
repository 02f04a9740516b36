"""Generation of the sample case in the child process, and its nodes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

ENDLESS = (
    "import json, time\n"
    "print(json.dumps({'event': 'progress', 'stage': 'generating', 'fraction': 0.25}), flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def views(scene, monkeypatch):
    """What was shown in the slice views, call by call."""
    import slicer

    shown = []
    monkeypatch.setattr(slicer.util, "setSliceViewerLayers", lambda **layers: shown.append(layers))
    return shown


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder in which temporary folders are made."""
    import tempfile

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def small():
    from LiverTumorAttentionGui.sample.sample_case import SampleCase

    return SampleCase(size="small", slices=6, lesions=1)


@pytest.fixture
def run(views, request):
    """Return a function that starts a run of a case; what it told is on what is returned."""
    from LiverTumorAttentionGui.sample.sample_run import SampleRun

    def start(case, **settings) -> SimpleNamespace:
        told = SimpleNamespace(progress=[], ends=[])
        told.run = SampleRun(
            case,
            on_progress=lambda *step: told.progress.append(step),
            on_warning=lambda _message: None,
            on_finished=lambda outcome, sample: told.ends.append((outcome, sample)),
            **settings,
        )
        request.addfinalizer(told.run.abandon)
        told.run.start()
        return told

    return start


def names(scene) -> list[str]:
    nodes = scene.GetNodesByClass("vtkMRMLVolumeNode")
    return [nodes.GetItemAsObject(index).GetName() for index in range(nodes.GetNumberOfItems())]


def write_images(folder: Path) -> dict[str, sitk.Image]:
    """Write two small volumes of different geometry, as the generator names them."""
    images = {}
    for name, size, origin in (
        ("portal", (5, 4, 3), (-10.0, 20.0, 30.0)),
        ("arterial", (5, 4, 2), (-9, 21, 33)),
    ):
        values = np.arange(np.prod(size), dtype=np.int16).reshape(size[::-1])
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((1.5, 2.0, 3.0))
        image.SetOrigin(origin)
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
        images[name] = image
    return images


def test_the_child_generates_the_case_and_the_truth_stays_out_of_the_scene(
    scene, run, small, temporary, views, wait_until
):
    from LiverTumorAttentionGui.scene.node_attributes import ROLE_ATTRIBUTE

    told = run(small, keep_truth=True)
    wait_until(lambda: told.ends, "the sample is there")
    outcome, sample = told.ends[0]
    assert outcome.status == "done"
    assert names(scene) == ["Sample portal venous", "Sample arterial"]
    assert sample.portal.GetAttribute(ROLE_ATTRIBUTE) == "PortalVenous"
    assert sample.arterial.GetAttribute(ROLE_ATTRIBUTE) == "Arterial"
    assert sample.portal.GetImageData().GetDimensions() == (160, 160, 6)
    assert sample.portal.GetSpacing()[2] == pytest.approx(3.0)
    assert sample.truth.labels.GetSize() == (160, 160, 6)
    assert len(sample.truth.lesions) <= 1
    for volume in (sample.portal, sample.arterial):
        assert volume.GetDescription().startswith("Synthetic:")
        assert "Not for clinical use" in volume.GetDescription()
        assert volume.GetStorageNode() is None
    assert views == [{"background": sample.portal, "foreground": None, "label": None, "fit": True}]
    fractions = [fraction for fraction, _ in told.progress]
    assert fractions == sorted(fractions)
    assert {stage for _, stage in told.progress} == {"generating", "writing"}
    assert list(temporary.iterdir()) == []


def test_volumes_have_the_geometry_of_their_files(views, tmp_path):
    import slicer
    import vtk

    from LiverTumorAttentionGui.sample.sample_run import load_nodes

    images = write_images(tmp_path)
    sample = load_nodes(tmp_path)
    assert sample.truth is None
    for node, image in ((sample.portal, images["portal"]), (sample.arterial, images["arterial"])):
        index = (4, 3, 1)
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        to_voxel = vtk.vtkMatrix4x4()
        node.GetRASToIJKMatrix(to_voxel)
        i, j, k = (round(value) for value in to_voxel.MultiplyPoint((-x, -y, z, 1.0))[:3])
        assert slicer.util.arrayFromVolume(node)[k, j, i] == image[index]
        display = node.GetScalarVolumeDisplayNode()
        assert (display.GetWindow(), display.GetLevel()) == (300.0, 90.0)


def test_a_second_sample_has_names_of_its_own(scene, views, tmp_path):
    from LiverTumorAttentionGui.sample.sample_run import load_nodes

    write_images(tmp_path)
    load_nodes(tmp_path)
    load_nodes(tmp_path)
    assert names(scene)[:2] == ["Sample portal venous", "Sample arterial"]
    assert len(set(names(scene))) == 4


def test_missing_volume_leaves_the_scene_unchanged(scene, views, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.sample.sample_run import load_nodes

    write_images(tmp_path)
    (tmp_path / "arterial.nii.gz").unlink()
    with pytest.raises(PanelError, match="The sample that was generated cannot be read"):
        load_nodes(tmp_path)
    assert names(scene) == []
    assert views == []


def test_cancelling_leaves_nothing(scene, run, small, temporary, tmp_path, wait_until):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    told = run(small, script=script)
    wait_until(lambda: told.progress, "progress is told")
    assert told.progress == [(0.25, "generating")]
    told.run.cancel()
    wait_until(lambda: told.ends, "the run has ended")
    assert [(outcome.status, sample) for outcome, sample in told.ends] == [("cancelled", None)]
    assert names(scene) == []
    assert list(temporary.iterdir()) == []


def test_load_sample_ensures_requirements_first(scene, monkeypatch):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.sample import sample_run

    class Declines:
        def ensure_requirements(self) -> None:
            raise PanelError("The Python packages were not installed.")

    monkeypatch.setattr(sample_run, "SampleRun", lambda *_, **__: pytest.fail("the run was started"))
    with pytest.raises(PanelError, match="were not installed"):
        sample_run.load_sample(lambda *_: None, lambda *_: None, installer=Declines())


def test_the_sample_is_outside_of_what_the_model_was_trained_and_scored_on():
    from LiverTumorAttentionGui.sample.sample_case import SampleCase

    seed = SampleCase().seed
    assert not any(seed in used for used in (range(300, 330), range(90000, 90020), range(100000, 100160)))
