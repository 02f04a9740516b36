"""The sample case in Slicer's module Sample Data. Imported at Slicer's start; the generator comes when it is wanted."""

from pathlib import Path
from typing import Any

from LiverTumorAttentionGui.sample.sample_case import NAME

CATEGORY = "Liver Tumor Attention"
THUMBNAIL = Path(__file__).resolve().parents[2] / "Resources" / "Icons" / "SampleCase.png"


def register_sample_data() -> bool:
    """Register the sample in Sample Data. Returns False where Slicer was built without that module."""
    try:
        import SampleData
    except ImportError:
        return False
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[],  # there is nothing to download
        fileNames=[],
        nodeNames=[],
        thumbnailFileName=str(THUMBNAIL),
        customDownloader=_generate,
    )
    return True


def _generate(source: Any = None) -> None:
    from LiverTumorAttentionGui.sample.sample_data import generate_with_dialog

    generate_with_dialog(source)
