"""The settings of a recipe, section by section."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError

LOSSES = ("ce", "dice", "ce_dice", "weighted_ce", "boundary_enhanced", "boundary_enhanced_dice")
PRECISIONS = ("float32", "bfloat16", "float16")
SCHEDULES = ("constant", "plateau", "poly", "cosine")
SPLITS = ("k-fold", "hold-out", "by-fact", "all")
REGISTRATIONS = ("library", "none", "known", "known_or_library")
FIRST_WEIGHTS = ("drawn", "imagenet")


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """The row of a paper's table that a recipe reproduces."""

    paper: str
    """"dpcnet", "darn", "sfan", "context" or "paresseg"."""
    table: str
    """Number of the table in the paper, such as "4"."""
    row: str
    """The row as it is called in `training/tables/published/<paper>.yaml`."""


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """How a case is prepared, beside the stage's own grid, intensities and mask."""

    registration: str = "library"
    """How the arterial phase is aligned with the portal one: "library" registers it; "none" uses it unregistered;
    "known" applies the displacement that comes with the case (generated cases); "known_or_library" applies it where
    the case has one and registers all others."""

    def __post_init__(self) -> None:
        check_choice("preparation: registration", self.registration, REGISTRATIONS)


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """Which cases train and which test."""

    kind: str
    """"k-fold"; "hold-out", drawn `repeats` times; "by-fact": train on some values of a fact, test on others; or
    "all": every case trains, and what tests lies elsewhere (LiTS keeps the truth of its test volumes)."""
    folds: int = 5
    """Number of folds (k-fold)."""
    test_share: float = 0.2
    """Share of cases that test (hold-out)."""
    repeats: int = 1
    """How many hold-outs are drawn."""
    stratify_by: str | None = None
    """A fact of the cases whose values every part gets in like proportions, such as "tumor_type"."""
    fact: str | None = None
    """The fact that divides (by-fact), such as "scanner"."""
    train_values: tuple[str, ...] = ()
    """Values of the fact whose cases train."""
    test_values: tuple[str, ...] = ()
    """Values of the fact whose cases test."""

    def __post_init__(self) -> None:
        check_choice("split: kind", self.kind, SPLITS)
        check_at_least("split: folds", self.folds, 2)
        check_at_least("split: repeats", self.repeats, 1)
        if not 0 < self.test_share < 1:
            raise InputError(
                f"split: test_share must lie between 0 and 1, got {self.test_share:g}"
                ": give a share in between"
            )
        if self.kind == "by-fact" and not (self.fact and self.train_values and self.test_values):
            raise InputError('split: "by-fact" needs fact, train_values and test_values: give all three')


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """Where training samples are cut, and in which proportions."""

    size: tuple[int, ...] | None = None
    """Rows and columns, or slices, rows and columns, of a sample; None is the stage's tile or patch."""
    foreground_share: float = 0.0
    """Share of samples that are certain to hold a voxel of a class other than background."""
    foreground_by: str = "voxel"
    """How that voxel is drawn: "voxel", every voxel of the class alike; or "lesion", for a tumor stage on slices: every
    connected tumor of the case alike, so that small lesions are sampled as often as large ones."""
    centre: str = "anywhere"
    """Where the other samples are centered: "anywhere", or "liver" for a voxel of the liver."""
    jitter_mm: float = 0.0
    """Largest random offset, in plane and along each axis, between such a voxel and the center of the sample (slices
    alone), so that its place in the sample does not give the structure away."""
    tumor_slices_only: bool = False
    """For networks that work on slices: only slices that show tumor."""
    either_phase: bool = False
    """For a network of one phase: a sample shows the portal or the arterial volume, with even chances, where a case
    has both. The truth is the same, since the arterial volume lies on the portal one."""
    hard_share: float = 0.0
    """Share of all samples that are centered on a hard negative, with jitter_mm as for other voxels: a place that an
    earlier training wrongly took for a tumor, from a folder that `mine` filled and `train --hard-negatives` names. The
    other samples are drawn by foreground_share and centre."""
    samples_an_epoch: int | None = None
    """Samples that count as one epoch; None is one for every slice that may be drawn (2D), or one a case (3D)."""
    mix_by: str | None = None
    """A fact of the cases, such as "source", by whose values samples are drawn in the proportions of `mix`; None draws
    every slice (2D) or case (3D) alike."""
    mix: Mapping[str, float] = field(default_factory=dict)
    """Relative share of the samples by value of that fact, such as {phantom: 1, painted: 2}; a value that is not named
    is not drawn, and 0 leaves out one that the recipe's base names."""

    def __post_init__(self) -> None:
        if not 0 <= self.foreground_share <= 1:
            raise InputError(
                f"sampling: foreground_share must lie in [0, 1], got {self.foreground_share:g}"
                ": give a share in that range"
            )
        if not 0 <= self.hard_share <= 1:
            raise InputError(
                f"sampling: hard_share must lie in [0, 1], got {self.hard_share:g}: give a share in that range"
            )
        if self.hard_share and self.tumor_slices_only:
            raise InputError(
                "sampling: hard_share needs slices without tumor too: set tumor_slices_only to false"
            )
        check_choice("sampling: foreground_by", self.foreground_by, ("voxel", "lesion"))
        check_choice("sampling: centre", self.centre, ("anywhere", "liver"))
        if self.jitter_mm < 0:
            raise InputError(
                f"sampling: jitter_mm must not be negative, got {self.jitter_mm:g}: give 0 or more"
            )
        if bool(self.mix_by) != bool(self.mix):
            raise InputError("sampling: mix_by and mix belong together: give both or none")
        for value, share in self.mix.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < math.inf:
                raise InputError(
                    f"sampling: mix: the share of {value!r} must be a number of at least 0, got {share!r}"
                    ": give such a number"
                )
        if self.mix and not any(self.mix.values()):
            raise InputError("sampling: mix: every share is 0: give one of them a larger share")
        if self.size is not None and (len(self.size) not in (2, 3) or min(self.size) < 8):
            raise InputError(
                f"sampling: size must be two or three numbers from 8 on, got {self.size}: give such a size"
            )
        if self.samples_an_epoch is not None:
            check_at_least("sampling: samples_an_epoch", self.samples_an_epoch, 1)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Random changes of a sample; the defaults change nothing.

    Values in HU are applied before the stage's window or standardization, those in units of the network's input after.
    """

    rotation_degrees: float = 0.0
    """Largest rotation, about the slice axis (2D) or about every axis (3D)."""
    scale: float = 0.0
    """Largest relative change of size."""
    axis_scale: float = 0.0
    """Largest further relative change of size of each axis by itself."""
    flips: tuple[str, ...] = ()
    """Axes that are mirrored with a chance of one half: "z", "y", "x"."""
    quarter_turns: bool = False
    """Turn by 0, 90, 180 or 270 degrees in the plane of the slice, each with the same chance; for samples as wide as
    high."""
    elastic_mm: float = 0.0
    """Standard deviation of a smooth random displacement."""
    elastic_wavelength_mm: float = 30.0
    """How far apart it changes."""
    brightness: float = 0.0
    """Standard deviation of a shift, in units of the network's input."""
    contrast: float = 0.0
    """Standard deviation of the logarithm of a factor about the sample's mean."""
    noise: float = 0.0
    """Largest standard deviation of added Gaussian noise, in units of the network's input."""
    gamma: float = 0.0
    """Standard deviation of the logarithm of an exponent that the input is raised to in 30 % of samples; for stages
    with a window, whose input lies in [0, 1]."""
    clip_share: float = 0.0
    """Share of samples whose values are clipped to 0 ... 255 HU first, as those of slices kept as pictures are."""
    contrast_hu: float = 0.0
    """Standard deviation of a relative change of contrast about 60 HU, or about the liver's median for stages with
    liver_window_hu, of each phase by itself."""
    shift_hu: float = 0.0
    """Standard deviation of a shift in HU, of each phase by itself. For stages with liver_window_hu the shift is
    against the liver's median: an error of the level that a coarse liver gives."""
    shading_hu: float = 0.0
    """Largest depth, in HU, of a dark band with streaks over one side of a sample, in 30 % of samples: arms beside the
    body throw such bands."""
    noise_hu: float = 0.0
    """Largest standard deviation, in HU, of noise that is added to 60 % of samples; in half of those it is correlated
    between neighboring pixels."""
    blur_share: float = 0.0
    """Share of samples that are blurred in plane, with a standard deviation of 0.3 to 0.9 pixels."""
    organ_lesion_share: float = 0.0
    """Share of samples in whose liver one to three dark or bright lesions are drawn, for stages on slices that find the
    liver or tumors alone. For the former they stay liver; for the latter they are tumors, and only cases without a
    labelled tumor get them."""
    liver_margin_mm: tuple[float, float] = (0.0, 0.0)
    """Range of a random change of `stage.mask_dilation_mm`, for stages that mask: the coarse liver found at inference
    is too large or too small by a few millimeters."""
    liver_roughness_mm: float = 0.0
    """Largest standard deviation of a smooth random displacement of the coarse liver's border."""
    registration_error_mm: float = 0.0
    """Standard deviation of the length of a smooth in-plane error of the arterial phase's registration, with a shift
    between slices of like size (stages with two phases on slices)."""
    registration_failure_share: float = 0.0
    """Share of samples whose registration error is 2 to 5 mm instead."""
    portal_for_arterial_share: float = 0.0
    """Share of samples whose arterial phase is replaced by the portal one, as inference does for a case without one."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, float) and value < 0:
                raise InputError(
                    f"augmentation: {entry.name} must not be negative, got {value:g}: give 0 or more"
                )
            if entry.name.endswith("_share") and value > 1:
                raise InputError(
                    f"augmentation: {entry.name} must lie in [0, 1], got {value:g}"
                    ": give a number in that range"
                )
        for name in ("scale", "axis_scale"):
            if getattr(self, name) >= 1:
                raise InputError(
                    f"augmentation: {name} must be below 1, got {getattr(self, name):g}: give a lower number"
                )
        low, high = self.liver_margin_mm
        if low > high:
            raise InputError(
                f"augmentation: liver_margin_mm must be a range that rises, got {low:g} to {high:g}"
                ": give the lower value first"
            )
        if self.elastic_wavelength_mm <= 0:
            raise InputError("augmentation: elastic_wavelength_mm must be positive: give a larger length")
        for axis in self.flips:
            check_choice("augmentation: flips", axis, ("z", "y", "x"))


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The loss."""

    kind: str
    """"ce", "dice" (squared denominators), "weighted_ce", "boundary_enhanced" (3D BE-loss); with the Dice beside it,
    "ce_dice" or "boundary_enhanced_dice"."""
    class_weights: tuple[float, ...] | None = None
    """One a class (weighted_ce); None weighs by the inverse frequency of the classes in the training cases."""
    dice_classes: str = "together"
    """Of every Dice: "together" sums over all classes, as DPC-Net prints it; "each" averages theirs."""
    alpha: float = 1.0
    """Of the 3D BE-loss."""
    beta: float = 0.5
    """Of the 3D BE-loss."""
    inside: float = 0.8
    """W1 of the 3D BE-loss."""
    outside: float = 0.2
    """W2 of the 3D BE-loss."""
    soft_dice_weight: float = 0.0
    """Weight of the soft Dice loss of class 1, added to the 3D BE-loss; 0 adds none."""

    @property
    def enhances_boundary(self) -> bool:
        """Whether it is the 3D BE-loss, alone or with the Dice, which sees neighbouring slices of the truth."""
        return self.kind.startswith("boundary_enhanced")

    def __post_init__(self) -> None:
        check_choice("loss: kind", self.kind, LOSSES)
        check_choice("loss: dice_classes", self.dice_classes, ("together", "each"))
        if self.soft_dice_weight < 0:
            raise InputError(
                f"loss: soft_dice_weight must not be negative, got {self.soft_dice_weight:g}: give 0 or more"
            )
        if self.soft_dice_weight and self.kind != "boundary_enhanced":
            raise InputError(
                f"loss: soft_dice_weight is added to the 3D BE-loss alone, not to {self.kind!r}: leave it out"
            )


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """The optimizer."""

    kind: str = "adam"
    """"adam", "adamw" or "sgd"."""
    learning_rate: float
    """At the start, or after the warm-up."""
    weight_decay: float = 0.0
    """Of the optimizer."""
    momentum: float = 0.0
    """Of SGD (Nesterov when positive)."""
    clip_norm: float | None = None
    """Largest norm of all gradients together; None clips nothing."""

    def __post_init__(self) -> None:
        check_choice("optimizer: kind", self.kind, ("adam", "adamw", "sgd"))
        if self.learning_rate <= 0:
            raise InputError(
                f"optimizer: learning_rate must be positive, got {self.learning_rate:g}: give a larger number"
            )


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """Length of the training and schedule of the learning rate."""

    epochs: int
    """Largest number of epochs."""
    kind: str = "constant"
    """"constant"; "plateau": `factor` after `patience` epochs without a lower loss; "poly" with power 0.9; "cosine"."""
    warm_up_steps: int = 0
    """Steps over which the learning rate rises linearly first."""
    factor: float = 0.5
    """Of "plateau"."""
    patience: int = 10
    """Of "plateau", in epochs."""
    stop_patience: int | None = None
    """Stop after this number of epochs without a lower loss; None never does."""
    stop_below: float | None = None
    """Stop when the learning rate has fallen below this."""

    def __post_init__(self) -> None:
        check_choice("schedule: kind", self.kind, SCHEDULES)
        check_at_least("schedule: epochs", self.epochs, 1)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """Batches, precision, validation and checkpoints."""

    batch: int
    """Samples a step, over all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts that a process's share of a batch is computed in, for memory."""
    precision: str = "float32"
    """Of the network's forward pass: "float32", "bfloat16" or "float16" (scaled; CUDA alone)."""
    average_decay: float | None = None
    """Of a running average of the weights, which is then what is validated and exported; None keeps none."""
    validation_share: float = 0.0
    """Share of the training cases that are held out to choose the best weights; 0 keeps the last weights."""
    validate_every: int = 10
    """Epochs between validations."""
    save_every: int = 1
    """Epochs between checkpoints."""

    def __post_init__(self) -> None:
        check_choice("loop: precision", self.precision, PRECISIONS)
        for name in ("batch", "accumulate", "validate_every", "save_every"):
            check_at_least(f"loop: {name}", getattr(self, name), 1)
        if not 0 <= self.validation_share < 1:
            raise InputError(
                f"loop: validation_share must lie in [0, 1), got {self.validation_share:g}"
                ": give a share in that range"
            )


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What of a test case is scored."""

    tumor_slices_only: bool = False
    """Only slices whose truth shows tumor, each scored by itself in pixels (as the context network's authors do)."""
    keep: str = "raw"
    """"raw" scores the network's own labels; "postprocessed" what the pipeline would keep of them."""
    tumor_threshold: float = 0.5
    """Of a tumor stage: tumor is what has a higher probability; an exported model has it, too."""

    def __post_init__(self) -> None:
        check_choice("evaluation: keep", self.keep, ("raw", "postprocessed"))
        if not 0 < self.tumor_threshold < 1:
            raise InputError(
                f"evaluation: tumor_threshold must lie between 0 and 1, got {self.tumor_threshold:g}: give a share"
            )


def check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    """Raise `InputError` with the nearest known value for one that is not known."""
    if value not in known:
        raise InputError(f"{what}: unknown {value!r}{nearest(value, known)}")


def check_at_least(what: str, value: int, least: int) -> None:
    """Raise `InputError` for a number that is too small."""
    if value < least:
        raise InputError(f"{what} must be at least {least}, got {value}: give a larger number")
