"""Register one pair with the library, in a process of its own: see `methods`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.registration import register_phases
from LiverTumorAttentionLib.registration.transform_io import displacement_field
from Testing.benchmarks.registration.clock import Clock
from Testing.benchmarks.registration.pairs import read_truth, read_volume


def main(pair: Path, output: Path, options: dict[str, str]) -> None:
    """Write the displacement found (found.npy) and what it took (measured.json)."""
    portal, arterial = (read_volume(pair, name) for name in ("portal", "arterial"))
    if options["masks"] == "given":
        livers = [read_volume(pair, name) for name in ("portal_liver", "arterial_liver")]
        clock = Clock()
    else:
        import torch  # noqa: F401  # its import is not counted, as that of the other methods' libraries is not

        clock = Clock()
        livers = network_livers(portal, arterial)
    result = register_phases(portal, arterial, portal_liver=livers[0], arterial_liver=livers[1])
    measured = {**clock.read(), "verdict": result.verdict.as_dict()}
    np.save(
        output / "found.npy", displacement_field(result.transform, read_truth(pair).box).astype(np.float32)
    )
    (output / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def network_livers(portal: sitk.Image, arterial: sitk.Image) -> list[sitk.Image]:
    """Return the livers that the bundled model's first stage finds in both phases, as the pipeline does."""
    from LiverTumorAttentionLib.inference import choose_device
    from LiverTumorAttentionLib.models import find_model
    from LiverTumorAttentionLib.pipeline.stages import find_liver, load_stages
    from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
    from LiverTumorAttentionLib.progress import Progress

    stages = load_stages(find_model("demonstration"), choose_device("cpu"))
    settings = PostprocessingSettings()
    return [
        find_liver(portal, "portal", stages, settings, Progress()).mask,
        find_liver(arterial, "arterial", stages, settings, Progress()).mask,
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
