"""Our side of the benchmark: the model of nnU-Net converted, and its networks run over a volume.

python -m Testing.benchmarks.models.our_side convert ROOT CASE MODEL
python -m Testing.benchmarks.models.our_side predict MODEL VOLUME LABELS [--mirror] [--where-needed] [--bfloat16] \
    [--half-sums LABELS]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from Testing.benchmarks.registration.clock import Clock

if TYPE_CHECKING:
    import torch

PHASES = ("portal", "arterial")
"""Of the channels, in their order."""


def main() -> None:
    """Convert, or predict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("convert", "predict"))
    parser.add_argument("rest", nargs=3)
    for option in ("mirror", "where-needed", "bfloat16"):
        parser.add_argument(f"--{option}", action="store_true")
    parser.add_argument("--half-sums", type=Path, help="labels of a second run, after the clock has stopped")
    options = parser.parse_args()
    if options.what == "convert":
        root, name, model = options.rest
        convert(Path(root), name, Path(model))
        return
    model, volume, labels = map(Path, options.rest)
    clock = Clock()
    run = (options.mirror, not options.where_needed, options.bfloat16)
    predict(model, volume, labels, *run)
    costs = clock.read()
    if options.half_sums is not None:
        sum_in_half_precision()
        predict(model, volume, options.half_sums, *run)
    print(json.dumps(costs))


def convert(root: Path, name: str, model: Path) -> None:
    """Convert the model of a case, as `models add` does, into the folder `model`."""
    from LiverTumorAttentionLib.conversion import ImportAnswers
    from LiverTumorAttentionLib.conversion.nnunet.program import NNUNet
    from LiverTumorAttentionLib.models.model_files import ModelFiles
    from LiverTumorAttentionLib.progress import Progress
    from Testing.benchmarks.models.cases import CASES, LABELS, folder_of, number_of

    model.mkdir(parents=True)
    case = CASES[name]
    answers = ImportAnswers(
        channels=dict(zip(PHASES, range(case.phases), strict=False)),
        labels={str(value): label for label, value in LABELS.items() if value} if case.version == 1 else {},
        orientation="LPS",
        configuration=case.configuration,
        id="benchmark",
    )
    results = ModelFiles(root / "results" / folder_of(number_of(name)))
    NNUNet(case.version).convert(results, answers, model, Progress())


def sum_in_half_precision() -> None:
    """Have patches summed up and averages resampled in half precision, as nnU-Net does it, to see what that changes."""
    from LiverTumorAttentionLib.inference.nnunet import network_run, predictor
    from LiverTumorAttentionLib.inference.nnunet.rolling_rows import RollingMean
    from LiverTumorAttentionLib.inference.nnunet.volume_output import VolumeOutput

    class HalfMean(RollingMean):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._total, self._weights = self._total.half(), self._weights.half()

        def add(self, corner: Sequence[int], values: torch.Tensor, weights: torch.Tensor) -> None:
            first = corner[0] - self._first
            y, x = (slice(at, at + side) for at, side in zip(corner[1:], weights.shape[1:], strict=True))
            rows = slice(first, first + weights.shape[0])
            self._total[:, rows, y, x] += values * weights  # rounded once, as it is added
            self._weights[rows, y, x] += weights.half()

        def taken(self, stop: int) -> Iterator[tuple[int, torch.Tensor]]:
            for first, rows in super().taken(stop):
                yield first, rows.half().float()

    class HalfOutput(VolumeOutput):
        def _write(self, maps: torch.Tensor, rows: slice) -> None:
            super()._write(maps.half().float(), rows)

    network_run.RollingMean = HalfMean  # type: ignore[misc]
    predictor.VolumeOutput = HalfOutput  # type: ignore[misc]


def predict(model: Path, volume: Path, labels: Path, mirror: bool, everywhere: bool, bfloat16: bool) -> None:
    """Write the labels that the model gives, from file to file as nnU-Net's predictor does."""
    import SimpleITK as sitk

    from LiverTumorAttentionLib.inference import ImportedRun, choose_device
    from LiverTumorAttentionLib.inference.imported_stages import build_predictor
    from LiverTumorAttentionLib.io import read_volume
    from LiverTumorAttentionLib.models import ModelPackage
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps
    from Testing.benchmarks.models.cases import channel_files

    package = ModelPackage(model)
    run = ImportedRun(mirror=mirror, everywhere=everywhere, bfloat16=bfloat16)
    predictor = build_predictor(package, package.description.stages[0], choose_device("cpu"), "tumor", run)
    own = read_volume(volume)
    phases = {"portal": to_lps(own)}
    for phase, path in list(zip(PHASES, channel_files(volume), strict=False))[1:]:
        phases[phase] = to_lps(read_volume(path))
    found = sitk.GetImageFromArray(predictor.predict(phases, Progress()).labels)
    found.CopyInformation(phases["portal"])
    sitk.WriteImage(from_lps(found, own), str(labels))


if __name__ == "__main__":
    main()
