"""Our side of the benchmark: the model of nnU-Net converted, and its networks run over a volume.

python -m Testing.benchmarks.models.our_side convert ROOT CASE MODEL
python -m Testing.benchmarks.models.our_side predict MODEL VOLUME LABELS [--mirror] [--where-needed] [--bfloat16]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from Testing.benchmarks.registration.clock import Clock


def main() -> None:
    """Convert, or predict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("convert", "predict"))
    parser.add_argument("rest", nargs=3)
    for option in ("mirror", "where-needed", "bfloat16"):
        parser.add_argument(f"--{option}", action="store_true")
    options = parser.parse_args()
    if options.what == "convert":
        root, name, model = options.rest
        convert(Path(root), name, Path(model))
        return
    model, volume, labels = map(Path, options.rest)
    clock = Clock()
    predict(model, volume, labels, options.mirror, not options.where_needed, options.bfloat16)
    print(json.dumps(clock.read()))


def convert(root: Path, name: str, model: Path) -> None:
    """Convert the model of a case, as `models add` does, into the folder `model`."""
    from LiverTumorAttentionLib.conversion import ImportAnswers
    from LiverTumorAttentionLib.conversion.nnunet.program import NNUNet
    from LiverTumorAttentionLib.models.model_files import ModelFiles
    from LiverTumorAttentionLib.progress import Progress
    from Testing.benchmarks.models.cases import CASES, folder_of, number_of

    model.mkdir(parents=True)
    answers = ImportAnswers(
        channels={"portal": 0}, orientation="LPS", configuration=CASES[name].configuration, id="benchmark"
    )
    results = ModelFiles(root / "results" / folder_of(number_of(name)))
    NNUNet(2).convert(results, answers, model, Progress())


def predict(model: Path, volume: Path, labels: Path, mirror: bool, everywhere: bool, bfloat16: bool) -> None:
    """Write the labels that the model gives, from file to file as nnU-Net's predictor does."""
    import SimpleITK as sitk

    from LiverTumorAttentionLib.inference import ImportedRun, choose_device
    from LiverTumorAttentionLib.inference.imported_stages import build_predictor
    from LiverTumorAttentionLib.io import read_volume
    from LiverTumorAttentionLib.models import ModelPackage
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps

    package = ModelPackage(model)
    run = ImportedRun(mirror=mirror, everywhere=everywhere, bfloat16=bfloat16)
    predictor = build_predictor(package, package.description.stages[0], choose_device("cpu"), "tumor", run)
    own = read_volume(volume)
    image = to_lps(own)
    found = sitk.GetImageFromArray(predictor.predict({"portal": image}, Progress()).labels)
    found.CopyInformation(image)
    sitk.WriteImage(from_lps(found, own), str(labels))


if __name__ == "__main__":
    main()
