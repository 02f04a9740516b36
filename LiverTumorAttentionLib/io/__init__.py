"""Reading and writing of CT volumes, DICOM series and segmentations."""

from LiverTumorAttentionLib.io.atomic_write import (
    cannot_write,
    check_contents,
    check_distinct_names,
    check_folder,
    check_writable,
    full_suffix,
    making_folder,
    replacing,
    replacing_all,
    replacing_folder,
)
from LiverTumorAttentionLib.io.dicom_seg import check_dicom_seg_source
from LiverTumorAttentionLib.io.dicom_series import SeriesInfo, choose_series, list_series
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.meanings import Meanings
from LiverTumorAttentionLib.io.segmentation import (
    SEGMENTATION_SUFFIXES,
    read_instances,
    read_instances_onto,
    read_label_map,
    read_vessel_labels,
    semantic,
    write_segmentation,
)
from LiverTumorAttentionLib.io.side_by_side import read_side_by_side
from LiverTumorAttentionLib.io.terminology import Segment, liver_segment, segments_for, tumor_segment
from LiverTumorAttentionLib.io.user_warnings import collected_warnings
from LiverTumorAttentionLib.io.volumes import (
    IMAGE_SUFFIXES,
    check_ct,
    read_ct,
    read_phase,
    read_probability,
    read_volume,
    write_image,
)
from LiverTumorAttentionLib.phases.description import guess_phase

__all__ = [
    "IMAGE_SUFFIXES",
    "SEGMENTATION_SUFFIXES",
    "InputWarning",
    "Meanings",
    "Segment",
    "SeriesInfo",
    "cannot_write",
    "check_contents",
    "check_ct",
    "check_dicom_seg_source",
    "check_distinct_names",
    "check_folder",
    "check_writable",
    "choose_series",
    "collected_warnings",
    "full_suffix",
    "guess_phase",
    "list_series",
    "liver_segment",
    "making_folder",
    "read_ct",
    "read_instances",
    "read_instances_onto",
    "read_label_map",
    "read_phase",
    "read_probability",
    "read_side_by_side",
    "read_vessel_labels",
    "read_volume",
    "replacing",
    "replacing_all",
    "replacing_folder",
    "segments_for",
    "semantic",
    "tumor_segment",
    "write_image",
    "write_segmentation",
]
