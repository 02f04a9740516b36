"""Trainers that come with nnU-Net 1 and 2, and what each changes of the network that is planned or of its mirroring.

Source: nnunet 1.7.1 and nnunetv2 2.8.1, and nnunet-customized 1.2, with which TotalSegmentator 1 was trained. A trainer
that is not here is refused by name: what it changes is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError

CASCADE_1 = "nnUNetTrainerV2CascadeFullRes"
"""Trainers of the second network of a cascade of version 1 begin with it."""
BEFORE_1 = "nnUNetTrainerV2"
"""Trainer of the first network of such a cascade."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a trainer changes of what the plans say; the rest concerns training alone."""

    batch_normalization: bool = False
    """Whether layers are normalized by running means of training in the place of each image by itself."""
    slope: float | None = None
    """Slope of the leaky ReLU below 0."""
    output_bias: bool | None = None
    """Whether the last convolution has a bias."""
    kernel: int | None = None
    """Side of all kernels."""
    mirrored: bool = True
    """Whether patches were mirrored in training; version 2 says in the checkpoint along which axes."""

    def applied(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a planned network with what the trainer changes of them."""
        changed = dict(arguments)
        if self.batch_normalization:
            changed |= {"normalization": "batch", "epsilon": 1e-5}
        for name, value in (("slope", self.slope), ("output_bias", self.output_bias)):
            if value is not None:
                changed[name] = value
        for name in ("kernels", "decoder_kernels"):
            if self.kernel is not None and changed.get(name) is not None:
                changed[name] = [[self.kernel] * len(size) for size in changed[name]]
        return changed


NOTHING = Changes()
_BATCH = Changes(batch_normalization=True)
_NOT_MIRRORED = Changes(mirrored=False)

_IN_TRAINING_2 = (
    *("", "Benchmark_5epochs", "Benchmark_5epochs_noDataLoading"),
    *("DA5", "DA5ord0", "DA5Segord0", "DA5_10epochs", "NoDA", "_DASegOrd0", "_DASegOrd0_NoMirroring"),
    *("_noDummy2DDA", "NoMirroring", "_onlyMirror01", "_onlyMirror01_1500ep", "_onlyMirror01_DASegOrd0"),
    *("_onlyMirror01_DA5", "_warmup", "CosAnneal", "Adan", "Adan1en3", "Adan3en4", "Adan1en1"),
    *("AdanCosAnneal", "Adam", "VanillaAdam", "VanillaAdam1en3", "VanillaAdam3en4", "Adam1en3", "Adam3en4"),
    *("DiceLoss", "DiceCELoss_noSmooth", "Topk10Loss", "Topk10LossLS01", "DiceTopK10Loss", "CELoss"),
    *("CELoss_5epochs", "NoDeepSupervision", "_probabilisticOversampling"),
    *("_probabilisticOversampling_033", "_probabilisticOversampling_010"),
)
"""Of version 2: losses, optimizers, schedules, augmentation, sampling."""
_BY_LENGTH_2 = re.compile(r"nnUNetTrainer_\d+epochs?(_NoMirroring)?")

_IN_TRAINING_1 = (
    *("", "_2epochs", "_5epochs", "_5epochs_noDS", "_DA2", "_DA3", "_DA5", "_insaneDA"),
    *("_fp16", "_fp32", "_DP", "_DDP", "_DDP_5epochs", "_ForceBD", "_ForceSD", "_copy1", "_copy2", "_copy3"),
    *("_copy4", "_Loss_CE", "_Loss_CEGDL", "_Loss_Dice", "_Loss_Dice_LR1en3", "_Loss_Dice_squared"),
    *("_Loss_DiceCE_noSmooth", "_Loss_DicewithBG", "_Loss_DicewithBG_LR1en3", "_Loss_DiceTopK10"),
    *("_Loss_TopK10", "_Loss_MCC", "_Loss_MCCnoBG", "_SegLoss_Focal", "_fullEvals", "_cycleAtEnd"),
    *("_cycleAtEnd2", "_graduallyTransitionFromCEToDice", "_noDeepSupervision", "_softDeepSupervision"),
    *("_Adam", "_Adam_ReduceOnPlateau", "_Adam_nnUNetTrainerlr", "_Ranger_lr1en2", "_Ranger_lr3en3"),
    *("_Ranger_lr3en4", "_SGD_ReduceOnPlateau", "_SGD_fixedSchedule", "_SGD_fixedSchedule2", "_SGD_lr1en1"),
    *("_SGD_lr1en3", "_warmup", "_momentum09", "_momentum095", "_momentum098", "_momentum09in2D"),
    *("_reduceMomentumDuringTraining", "_independentScalePerAxis"),
)
"""Of version 1, likewise."""
_LENGTHS_1 = ("_ep250", "_ep500", "_ep2000", "_ep4000", "_ep8000")
_LENGTHS_NOT_MIRRORED_1 = ("", "_ep250", "_ep2000", "_ep4000", "_ep8000")
"""Of TotalSegmentator 1, likewise."""
_CASCADES_1 = (
    *("", "_EducatedGuess", "_EducatedGuess2", "_EducatedGuess3", "_lowerLR", "_noConnComp", "_shorter"),
    *("_shorter_lowerLR", "_smallerBinStrel"),
)

TRAINERS: dict[int, dict[str, Changes]] = {
    2: {
        **{f"nnUNetTrainer{name}": NOTHING for name in _IN_TRAINING_2},
        "nnUNet_Trainer_BS8": NOTHING,
        "nnUNetTrainerBN": _BATCH,
    },
    1: {
        **{f"nnUNetTrainerV2{name}": NOTHING for name in _IN_TRAINING_1},
        **{f"nnUNetTrainerV2{name}": NOTHING for name in _LENGTHS_1},
        **{f"nnUNetTrainerV2{name}_nomirror": _NOT_MIRRORED for name in _LENGTHS_NOT_MIRRORED_1},
        **{f"{CASCADE_1}{name}": NOTHING for name in _CASCADES_1},
        "nnUNetTrainerV2_BN": _BATCH,
        "nnUNetTrainerV2_DA3_BN": _BATCH,
        "nnUNetTrainerV2_noMirroring": _NOT_MIRRORED,
        "nnUNetTrainerV2_noDataAugmentation": _NOT_MIRRORED,
        "nnUNetTrainerV2_ReLU": Changes(slope=0.0),
        "nnUNetTrainerV2_LReLU_slope_2en1": Changes(slope=0.2),
        "nnUNetTrainerV2_ReLU_biasInSegOutput": Changes(slope=0.0, output_bias=True),
        "nnUNetTrainerV2_lReLU_biasInSegOutput": Changes(output_bias=True),
        "nnUNetTrainerV2_allConv3x3": Changes(kernel=3),
    },
}
"""{version of nnU-Net: {name: what it changes}}."""


def changes_of(name: object, version: int, where: str) -> Changes:
    """Return what a trainer changes. Raises `ModelError` for one that may change more than is known here."""
    found = TRAINERS[version].get(name) if isinstance(name, str) else None
    if found is not None:
        return found
    if version == 2 and isinstance(name, str) and _BY_LENGTH_2.fullmatch(name):
        return NOTHING
    raise ModelError(
        f"{where} was trained by {shown(name)}, which is not one of nnU-Net's own trainers that are known here: "
        "choose a model of a standard trainer, for what this one changed cannot be repeated"
    )
