"""What the demonstration says when it is cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom
from LiverTumorAttentionLib.pipeline import demo
from LiverTumorAttentionLib.progress import Progress


def test_cancelled_after_the_case_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(seed: int, **_: object) -> Phantom:
        return generate_phantom(seed, matrix=48, spacing_mm=8.0, thickness_mm=8.0, lesions=1)

    folder = tmp_path / "demo"
    monkeypatch.setattr(demo, "generate_phantom", small)
    with pytest.raises(
        Cancelled, match=r"cancelled; the generated case was written to '.*demo', its segmentation was not"
    ):
        demo.run_demonstration(folder, 7, "cpu", Progress(cancelled=(folder / "portal.nii.gz").exists))
    assert (folder / "portal.nii.gz").exists()
    assert not (folder / "segmentation.seg.nrrd").exists()
