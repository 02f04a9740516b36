"""Files in, files out: CT volumes, DICOM series and segmentations."""

from LiverTumorAttentionLib.io.atomic_write import (
    check_folder,
    check_writable,
    full_suffix,
    making_folder,
    replacing,
    replacing_all,
)
from LiverTumorAttentionLib.io.ct_check import check_ct
from LiverTumorAttentionLib.io.dicom import SeriesInfo, choose_series, list_series
from LiverTumorAttentionLib.io.dicom_seg import check_dicom_seg_source
from LiverTumorAttentionLib.io.dicom_slices import InputWarning
from LiverTumorAttentionLib.io.orientation import back_to, same_grid, to_lps
from LiverTumorAttentionLib.io.phase_from_description import guess_phase
from LiverTumorAttentionLib.io.read import read_volume
from LiverTumorAttentionLib.io.segmentation import (
    IMAGE_SUFFIXES,
    SEGMENTATION_SUFFIXES,
    read_instances,
    read_label_map,
    semantic,
    write_image,
    write_segmentation,
)
from LiverTumorAttentionLib.io.terminology import Segment, liver_segment, segments_for, tumor_segment
from LiverTumorAttentionLib.io.vessels import read_vessel_labels

__all__ = [
    "IMAGE_SUFFIXES",
    "SEGMENTATION_SUFFIXES",
    "InputWarning",
    "Segment",
    "SeriesInfo",
    "back_to",
    "check_ct",
    "check_dicom_seg_source",
    "check_folder",
    "check_writable",
    "choose_series",
    "full_suffix",
    "guess_phase",
    "list_series",
    "liver_segment",
    "making_folder",
    "read_instances",
    "read_label_map",
    "read_vessel_labels",
    "read_volume",
    "replacing",
    "replacing_all",
    "same_grid",
    "segments_for",
    "semantic",
    "to_lps",
    "tumor_segment",
    "write_image",
    "write_segmentation",
]
