"""Segments as lesions."""

from __future__ import annotations

from Testing.Slicer import study_cases


def test_liver_and_lesions_are_known_by_code_tag_and_name(scene, tmp_path):
    from LiverTumorAttentionGui.scene.node_attributes import LESION_TAG
    from LiverTumorAttentionGui.scene.segments import lesions_of, liver_of

    study = study_cases.add_study(scene, tmp_path)
    segmentation = study.segmentation.GetSegmentation()
    segmentation.GetSegment("Liver").SetName("Organ")
    segmentation.GetSegment("Tumor_1").SetName("my lesion")
    segmentation.GetSegment("Tumor_3").SetTag(LESION_TAG, "7")
    other = segmentation.AddEmptySegment("Stomach", "Stomach")
    again = segmentation.AddEmptySegment("Tumor_2_copy", "Tumor 2")
    assert liver_of(segmentation) == "Liver"
    assert lesions_of(segmentation) == {8: "Tumor_1", 2: "Tumor_2", 7: "Tumor_3", 9: again}
    assert other not in lesions_of(segmentation).values()
