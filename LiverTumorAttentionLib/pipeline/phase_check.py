"""Whether the volumes of a run are of the phases, the patient and the part of the body that they were given as.

Another patient and a part of the body without a liver are refused. Phases that contradict what was asked for, and
another study, are refused too, but the user may know better: `--phases-as-given`, or the panel's question. Where a
portal and an arterial volume do not tell their phases each by itself, they are compared with each other; where that
leaves open whether they are exchanged, it is asked about likewise. What is likely but not clear, and another frame of
reference, are told as warnings.

Runs on a liver that is segmented already, those of vessels and of two time points, tell what is about phases as
warnings alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import DELAYED, NATIVE, PHASE_TITLES, PORTAL, ROLE_PHASES
from LiverTumorAttentionLib.errors import InputError, PhaseMismatch
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.phases.comparison import Comparison, compare_volumes, order_of
from LiverTumorAttentionLib.phases.estimate import CLEAR, LIKELY, PhaseEstimate, estimate_phase, level_words
from LiverTumorAttentionLib.phases.headers import NOTHING, SAME_ACQUISITION_S, SeriesFacts, header_evidence
from LiverTumorAttentionLib.phases.limb import cross_section

AS_GIVEN = "--phases-as-given"
TOLD = 0.5
"""From this probability of its best input on a volume tells something of its phase at all."""
_PAIR = ("portal", "arterial")
MOST_SWAP = 0.2
"""Two phases are asked about from this probability on that each is the other: a swap costs more than a question."""
TOLERATED = {
    "portal": (*ROLE_PHASES["portal"], DELAYED),
    "arterial": ROLE_PHASES["arterial"],
    "delayed": (*ROLE_PHASES["delayed"], PORTAL),
    "native": ROLE_PHASES["native"],
}
"""Phases that are used for an input with a warning at most: between the portal venous and the delayed phase there is
no sharp line, and both are venous."""


def check_same_patient(facts: Mapping[str, SeriesFacts | None], *, as_given: bool = False) -> None:
    """Check DICOM headers of the volumes against those of the portal one; `facts` by input, None for no DICOM.

    Raises `InputError` for another patient or a part of the body without a liver, `PhaseMismatch` for another study
    unless `as_given`. Warns of another frame of reference.
    """
    check_one_patient(facts)
    portal = facts.get("portal")
    if portal is None:
        return
    for role, other in facts.items():
        if other is None or role == "portal":
            continue
        if portal.study_uid and other.study_uid and portal.study_uid != other.study_uid:
            if not as_given:
                raise PhaseMismatch(
                    f"the {role} volume is of another study than the portal volume, so contrast and lesions may differ",
                    f"choose a series of the same study, or add {AS_GIVEN} to use it",
                )
            warnings.warn(
                f"the {role} volume is of another study than the portal volume", InputWarning, stacklevel=2
            )
        elif portal.frame_uid and other.frame_uid and portal.frame_uid != other.frame_uid:
            warnings.warn(
                f"the {role} volume has another frame of reference than the portal volume: the patient was positioned "
                "anew between them, and their registration has more to bridge than a breath",
                InputWarning,
                stacklevel=2,
            )


def check_one_patient(facts: Mapping[str, SeriesFacts | None]) -> None:
    """Raise `InputError` for headers of a part of the body without a liver, or of another patient than the first.

    facts: by input, None for no DICOM.
    """
    for role, own in facts.items():
        if own is not None and own.shows_no_liver:
            raise InputError(
                f"the {role} volume is of another part of the body ({own.body_part.title()}): choose a CT of the upper "
                "abdomen"
            )
    first, reference = next(iter(facts.items()))
    for role, other in facts.items():
        if reference is None or other is None or role == first:
            continue
        if reference.patient_id and other.patient_id and reference.patient_id != other.patient_id:
            raise InputError(
                f"the {role} volume is of another patient than the {first} volume (their patient IDs differ): choose a "
                "series of the same patient"
            )


def check_shows_trunk(images: Mapping[str, sitk.Image]) -> None:
    """Raise `InputError` for a volume (HU) that shows a limb. images: by input."""
    for role, image in images.items():
        section = cross_section(image)
        if section.is_limb:
            raise InputError(
                f"the {role} volume shows no trunk but a limb (a cross-section of {section.area_cm2:.0f} cm2, "
                f"{100 * section.bone_share:.0f} % of it bone): choose a CT of the upper abdomen"
            )


def estimate_phases(
    images: Mapping[str, sitk.Image],
    facts: Mapping[str, SeriesFacts | None],
    livers: Mapping[str, sitk.Image] | None = None,
) -> dict[str, PhaseEstimate]:
    """Return what each volume (HU) seems to be, by input. livers: masks on their grids, where they are known."""
    agents = [own.contrast_agent for own in facts.values() if own is not None]
    estimates = {}
    for role, image in images.items():
        own = facts.get(role)
        headers = NOTHING if own is None else header_evidence(own, others_have_contrast=any(agents))
        estimates[role] = estimate_phase(image, headers, (livers or {}).get(role))
    return estimates


def compare_pair(
    images: Mapping[str, sitk.Image],
    facts: Mapping[str, SeriesFacts | None],
    estimates: Mapping[str, PhaseEstimate],
) -> Comparison | None:
    """Return what the portal and the arterial volume (HU) show beside each other.

    None without both, and where the aorta of both is seen, so that each tells its phase by itself.
    """
    if not _needs_comparison(estimates):
        return None
    times = [own.acquired_s if (own := facts.get(role)) is not None else None for role in _PAIR]
    later_s = None if times[0] is None or times[1] is None else times[1] - times[0]
    if later_s is not None and abs(later_s) <= SAME_ACQUISITION_S:
        later_s = None
    return compare_volumes(images["portal"], images["arterial"], later_s)


def _needs_comparison(estimates: Mapping[str, PhaseEstimate]) -> bool:
    pair = [estimates[role] for role in _PAIR if role in estimates]
    return len(pair) == len(_PAIR) and any(each.levels.aorta_hu is None for each in pair)


def checked_phases(
    images: Mapping[str, sitk.Image],
    facts: Mapping[str, SeriesFacts | None],
    livers: Mapping[str, sitk.Image] | None = None,
    *,
    as_given: bool = False,
) -> tuple[dict[str, PhaseEstimate], Comparison | None]:
    """Check that volumes (HU) are of the phases that they were given as; `estimate_phases` and `check_phases` say how.

    Returns what each seems to be, and what portal and arterial volume show beside each other where that was needed.
    """
    estimates = estimate_phases(images, facts, livers)
    compared = compare_pair(images, facts, estimates)
    check_phases(estimates, compared, as_given=as_given)
    return estimates, compared


def check_phases(
    estimates: Mapping[str, PhaseEstimate], compared: Comparison | None = None, *, as_given: bool = False
) -> None:
    """Raise `PhaseMismatch` where phases contradict what the volumes were given as, or portal and arterial volume may
    be exchanged; warn of what is likely but not clear.

    compared: what `compare_pair` found. as_given: whether the user has said that they are right; then all of it is
    told as warnings. A native volume that is given alone is used with a warning too: there is nothing that it could
    have been taken for.
    """
    found = _pair(estimates) or _compared(estimates, compared)
    told = set(found[2]) if found else set()
    problems = [found[:2]] if found else []
    for role, estimate in estimates.items():
        if role in told:
            continue
        fitting = sum(estimate.probabilities[phase] for phase in TOLERATED[role])
        title = _volume(role)
        if fitting <= 1 - CLEAR:
            problems.append(
                (
                    f"{title} looks like the {_seen(estimate)}",
                    "choose another series",
                )
            )
        elif estimate.fits(estimate.role) >= LIKELY and estimate.role != role:
            warnings.warn(f"{title} may be of the {_seen(estimate)}: look at it", InputWarning, stacklevel=2)
    only_native = set(estimates) == {"portal"} and estimates["portal"].phase == NATIVE
    for finding, advice in problems:
        if only_native:
            told_too = "most tumors show little without contrast agent, and may be missed"
            warnings.warn(f"{finding}; {told_too}", InputWarning, stacklevel=2)
            continue
        if not as_given:
            raise PhaseMismatch(finding, f"{advice}, or add {AS_GIVEN} if they are right")
        warnings.warn(f"{finding}; it was used as given", InputWarning, stacklevel=2)


def _compared(
    estimates: Mapping[str, PhaseEstimate], compared: Comparison | None
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return what is wrong with portal and arterial volume as `_pair` does, where they were to be compared.

    None where they are likely to be as given; a warning says so where it is not clear.
    """
    if not _needs_comparison(estimates):
        return None
    compared = compared or Comparison()
    portal, arterial = estimates["portal"], estimates["arterial"]
    order = order_of(compared, portal.probabilities, arterial.probabilities)
    if order.exchanged >= TOLD:
        finding = (
            f"the portal and the arterial volume may be swapped: {compared.words() or 'so their headers say'}"
        )
        return finding, "swap them", _PAIR
    unseen = dict.fromkeys(each.levels.unseen for each in (portal, arterial) if each.levels.unseen)
    why = "; ".join(filter(None, (*unseen, compared.words())))
    told = f"the phases of the portal and the arterial volume could not be told{f' ({why})' if why else ''}"
    if order.swap >= 1 - CLEAR or (order.given < TOLD and not compared.is_empty):
        advice = (
            "the arterial one has the brighter aorta, the portal one the brighter liver: choose them by that"
        )
        return f"{told}, and the two may be exchanged", advice, _PAIR
    if order.given < CLEAR and not compared.is_empty:
        likely = f"{told} for certain, but they are likely to be as given: look at them"
        warnings.warn(likely, InputWarning, stacklevel=3)
    return None


def swap_probability(portal: PhaseEstimate, arterial: PhaseEstimate) -> float:
    """Return the probability that two volumes are each other's phase, of the two ways to take them."""
    given = portal.fits("portal") * arterial.fits("arterial")
    swapped = portal.fits("arterial") * arterial.fits("portal")
    return swapped / (given + swapped) if given + swapped > 0 else 0.5


def _pair(estimates: Mapping[str, PhaseEstimate]) -> tuple[str, str, tuple[str, ...]] | None:
    """Return what is wrong with portal and arterial volume together, what to do, and of which inputs that is said.

    None where they may be as given.
    """
    portal, arterial = estimates.get("portal"), estimates.get("arterial")
    if portal is None or arterial is None or swap_probability(portal, arterial) < MOST_SWAP:
        return None
    if min(each.fits(each.role) for each in (portal, arterial)) < TOLD:
        return None  # where one of the two tells nothing, the other is judged by itself
    swapped = portal.fits("arterial") * arterial.fits("portal")
    for role, each, other in (("arterial", arterial, "portal"), ("portal", portal, "arterial")):
        if portal.fits(other) * arterial.fits(other) > swapped:  # the same phase twice
            return (f"{_volume(role)} looks like the {_seen(each)}", "choose another series", (role,))
    finding = (
        f"the portal and the arterial volume may be swapped: the portal volume looks like the {_seen(portal)}, the "
        f"arterial volume like the {_seen(arterial)}"
    )
    return finding, "swap them", ("portal", "arterial")


def _volume(role: str) -> str:
    return f"the {role} volume"


def _seen(estimate: PhaseEstimate) -> str:
    words = level_words(estimate.levels)
    return f"{PHASE_TITLES[estimate.phase]} phase ({100 * estimate.confidence:.0f} %{'; ' + words if words else ''})"
