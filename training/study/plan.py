"""What the study trains: recipes of the papers, made small, on one cohort, most seeds where a verdict is close.

Every value that differs from the recipe stands here with its reason. Cohort, split and settings are the same for all
trainings of a family, so that they differ in what their row of the table changes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CASES = 100
FIRST_SEED = 200_000
"""Phantoms of the cohort; nothing else is trained or tested on them. Rules and losses were chosen on them, too."""
SEEDS = 3
"""Of a training, from 0: first weights and samples. The split is the same for all."""
SEEDS_OF: Mapping[str, int] = {
    "msf": 15,
    "msf-pa": 15,
    "dmp": 15,
    "msf-pa-be": 10,
    "dpcnet-table2-baseline": 10,
    "dpcnet-table2-both": 10,
}
"""Of those whose differences are small against what the seed changes."""

SCORES = "scores.csv"
"""In the results: scores of the cohort's test cases, with the true liver."""
SLICES_OF = (0,)
"""Seeds whose slices are kept beside their cases: half a megabyte a training."""
FIGURES = "figures"
"""In the results: a folder of pictures a training."""
IMPLANTED = 36
"""Cases of real CT with implanted lesions, which nothing is trained on; a third of them have both phases."""
LIVER_MODEL = "demonstration"
"""Whose liver stage finds the liver in them, and in the cohort where it is not given."""

SPLIT: Mapping[str, Any] = {
    "split.kind": "hold-out",  # one split of 70 and 30 cases: seeds show the spread by chance
    "split.repeats": 1,
    "split.test_share": 0.3,
    "split.stratify_by": "tumor_type",
}

PARESSEG: Mapping[str, Any] = {
    **SPLIT,
    "stage.arguments.width": 8,  # in place of 64: what two cores train in minutes
    "stage.grid.in_plane_spacing_mm": 2.25,  # in place of each volume's own, so that real CT can be scored too
    "stage.grid.slice_spacing_range_mm": [5.5, 5.5],  # the cohort's own
    "stage.slices.tile": [96, 96],  # such pixels show the whole liver in them
    "stage.slices.overlap": 0.25,  # one tile shows the liver; half would cost twice as much
    "stage.mask_dilation_mm": 4.6,  # the paper's two pixels, at this pixel size
    "sampling.foreground_share": 0.66,  # without it, so few steps find no tumor at all; the same for all rows
    "sampling.samples_an_epoch": 800,  # 100 steps
    "schedule.epochs": 15,  # 1500 steps
    "schedule.kind": "cosine",  # so few steps end at rest
    "optimizer.learning_rate": 0.002,  # narrow networks and few steps; the same for all rows
    "loss.kind": "ce_dice",  # in place of cross-entropy, under which so few steps may end without any tumor
    "loss.dice_classes": "each",  # the Dice of each class by itself; the same for all rows
    "loop.validation_share": 0.0,
    "loop.save_every": 5,
}

BOUNDARY: Mapping[str, Any] = {
    "loss.kind": "boundary_enhanced_dice",  # what the row is about, with the same Dice beside it as the other rows
}
"""Of the row with the BE-loss, in place of what stands above."""

DPCNET: Mapping[str, Any] = {
    **SPLIT,
    "stage.name": "tumor",  # in place of both at once: tumors inside a liver that is given, where all steps count
    "stage.arguments.classes": 2,  # of them
    "stage.mask_dilation_mm": 5.0,  # two pixels, as PA-ResSeg has them
    "stage.arguments.width": 8,  # in place of 32; the pyramid's is 16 in place of 64
    "stage.grid.in_plane_spacing_mm": 2.5,  # in place of 1.9: volumes are what costs
    "stage.grid.slice_spacing_range_mm": [5.5, 5.5],  # the cohort's own
    "stage.patches.patch": [32, 48, 48],  # 176 x 120 x 120 mm
    "sampling.centre": "liver",  # nothing else is scored
    "sampling.foreground_share": 0.66,  # in place of a third, for so few steps
    "sampling.samples_an_epoch": 200,  # 100 steps
    "schedule.epochs": 10,  # 1000 steps
    "schedule.kind": "cosine",  # so few steps end at rest
    "optimizer.learning_rate": 0.001,  # ten times the paper's, for so few steps
    "loss.dice_classes": "each",  # Eq. 12 as printed weighs no class, and a narrow network then finds no tumor
    "augmentation.elastic_mm": 0.0,  # the slowest part of making a sample
    "loop.save_every": 5,
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """One row that is trained, with its seeds.

    name: of its folder. recipe: the paper's. prepared: which preparation of the cohort. settings: what differs.
    """

    name: str
    recipe: str
    prepared: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> range:
        """Which seeds it is trained with."""
        return range(SEEDS_OF.get(self.name, SEEDS))

    def run_name(self, seed: int) -> str:
        """Return what the run of a seed is called, in folders and scores."""
        return f"{self.name}-{seed}"


def _paresseg(
    name: str, recipe: str, registration: str = "library", loss: Mapping[str, Any] | None = None
) -> Training:
    settings = {**PARESSEG, "preparation.registration": registration, **(loss or {})}
    return Training(name=name, recipe=f"paresseg/{recipe}", prepared=registration, settings=settings)


def _dpcnet(recipe: str) -> Training:
    return Training(name=f"dpcnet-{recipe}", recipe=f"dpcnet/{recipe}", prepared="dpcnet", settings=DPCNET)


TRAININGS = (
    _paresseg("single", "table4-single"),
    _paresseg("single-intra", "table4-single-intra"),
    _paresseg("msf", "table4-msf"),
    _paresseg("msf-intra", "table4-msf-intra"),
    _paresseg("msf-pa", "table4-msf-pa"),
    _paresseg("msf-pa-be", "table4-msf-pa-be", loss=BOUNDARY),
    _paresseg("dmp", "table6-dmp"),
    _paresseg("mpf", "table6-mpf"),
    _paresseg("msf-pa-unregistered", "table4-msf-pa", "none"),
    _paresseg("msf-pa-true-field", "table4-msf-pa", "known"),
    _dpcnet("table2-baseline"),
    _dpcnet("table2-spacor"),
    _dpcnet("table2-semcor"),
    _dpcnet("table2-both"),
    _dpcnet("table2-pfe"),
    _dpcnet("table2-pfe-both"),
)
"""The rows, in the order of the tables: the ablation and the fusion of PA-ResSeg, registration, DPC-Net's Table 2."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Under which trainings of PA-ResSeg are scored once more.

    name: of the files of scores. title: of the section. says: what differs from the scores of the study.
    """

    name: str
    title: str
    says: str

    def is_for(self, training: Training, seed: int) -> bool:
        """Return whether a training of a seed is scored so: the rows of the papers, and a few seeds of each."""
        return training.prepared == "library" and seed < SEEDS


FOUND_LIVER = Condition(
    name="found-liver",
    title="With the liver that was found",
    says="PA-ResSeg's rows on the same test cases, with the coarse liver of the bundled model in place of the true "
    "one.",
)
ON_REAL_CT = Condition(
    name="implanted",
    title="On real CT with implanted lesions",
    says="PA-ResSeg's rows on lesions implanted into real CT of both phases, registered as any other; no training has "
    "seen any of it. All cases are parts of one patient's liver, the only one at hand with both phases: they say how "
    "these networks fare off their phantoms, not how rows differ.",
)
CONDITIONS = (FOUND_LIVER, ON_REAL_CT)


PICTURED = ("single", "msf-pa", "dpcnet-table2-baseline", "dpcnet-table2-both")
"""Trainings whose first seed is shown in pictures: with and without what their paper is about."""
WORST = 2
"""Cases of each that are shown, those with the lowest Dice."""


def planned() -> list[tuple[Training, int]]:
    """Return all trainings with their seeds: one seed of each, then the next, so that what is cut short is complete."""
    return [
        (training, seed)
        for seed in range(max(len(training.seeds) for training in TRAININGS))
        for training in TRAININGS
        if seed in training.seeds
    ]
