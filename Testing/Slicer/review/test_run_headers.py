"""What DICOM headers say of a study's volumes goes with them into the runs of vessels and of two time points."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import study_cases

TAGS = {"patient": "0010,0020", "description": "0008,103E", "day": "0008,0022", "time": "0008,0032"}
DAYS = {"before": "20240131", "now": "20240430"}


def ignore(*_arguments):
    pass


LISTENERS = {"on_progress": ignore, "on_finished": ignore, "on_warning": ignore}


def add_visit(scene, database, folder, name):
    """Add a study whose portal volume came from DICOM, with an arterial one that was registered from another series."""
    import slicer

    folder.mkdir()
    study = study_cases.add_study(scene, folder)
    for node, phase, attribute in (
        (study.portal, "portal", "DICOM.instanceUIDs"),
        (study_cases.add_portal(scene), "arterial", "LiverTumorAttention_SourceInstances"),
    ):
        told = {"patient": "17", "description": f"{phase} {name}", "day": DAYS[name], "time": "101500"}
        database[f"{phase} {name}".replace(" ", "-")] = {TAGS[what]: text for what, text in told.items()}
        node.SetAttribute(attribute, f"{phase} {name}".replace(" ", "-"))
        if phase == "arterial":
            slicer.util.updateVolumeFromArray(node, np.full(study_cases.SHAPE, 40, np.int16))
            study.segmentation.SetNodeReferenceID("RegisteredArterial", node.GetID())
    return study


def test_vessels_are_told_what_the_portal_series_says(scene, database, tmp_path):
    from LiverTumorAttentionGui.review.vessels_run import VesselsRun
    from LiverTumorAttentionLib.pipeline.headers_file import read_headers

    study = add_visit(scene, database, tmp_path / "now", "now")
    arguments = VesselsRun(study, study.instances(), **LISTENERS).prepare(tmp_path)
    told = read_headers(arguments[arguments.index("--headers") + 1])
    assert set(told) == {"portal"}
    assert (told["portal"].description, told["portal"].patient_id) == ("portal now", "17")


@pytest.mark.parametrize("dated", [True, False])
def test_both_time_points_are_told_what_their_series_say(scene, database, tmp_path, dated):
    """Without a date that a person left in the panel none goes along."""
    from LiverTumorAttentionGui.review.comparison_run import ComparisonRun, Visit
    from LiverTumorAttentionGui.review.said import Said
    from LiverTumorAttentionLib.pipeline.headers_file import read_headers

    studies = {name: add_visit(scene, database, tmp_path / name, name) for name in DAYS}
    said = Said(baseline_date="2024-01-31", followup_date="2024-04-30") if dated else Said()
    visits = [Visit(study=study, instances=study.instances(), log="") for study in studies.values()]
    arguments = ComparisonRun(*visits, said, **LISTENERS).prepare(tmp_path)
    for option, name in zip(("--baseline-headers", "--followup-headers"), DAYS, strict=True):
        told = read_headers(arguments[arguments.index(option) + 1])
        assert {role: facts.description for role, facts in told.items()} == {
            "portal": f"portal {name}",
            "arterial": f"arterial {name}",
        }
        assert {facts.acquired_s is not None for facts in told.values()} == {dated}


def test_the_name_of_a_registered_volume_tells_nothing_of_its_phase(scene, database):
    """It says what the volume was given as."""
    from LiverTumorAttentionGui.scene.series_facts import registered_facts

    node = study_cases.add_portal(scene)
    node.SetName("arterial registered")
    assert registered_facts(node) is None
