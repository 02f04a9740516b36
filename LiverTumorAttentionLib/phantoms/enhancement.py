"""HU of every tissue in every phase, with the source of each range.

A row gives the range from which a patient's value is drawn, in the late arterial phase (ART, about 35 s after
the start of the injection) and in the portal venous phase (PV, about 70 s). A patient's contrast timing moves all
enhanced tissues together: `TIMED` rows take their place in the range from the drawn timing, so that a late arterial
phase has bright portal veins *and* a brighter liver.

`FURTHER_TISSUES` are the ranges before contrast, in the early arterial phase (about 20 s: arteries alone) and in the
delayed phase (3 to 5 minutes). [LI-RADS] says which vessels are enhanced in each; where blood and tissue have come to
an equilibrium, vessels and liver fall together, and the kidneys excrete.

Sources. A row that says "chosen" has no number from a paper behind it: the range is ours. Where a source describes a
pattern or a course in time rather than our two numbers, the row's range is our reading of it.
[Bae]      Bae KT. Intravenous contrast medium administration and scan timing at CT. Radiology 2010;256:32-61.
[Kalender] Kalender WA. Computed Tomography, 3rd ed. Publicis 2011: HU ranges of tissues without contrast.
[Piekarski] Piekarski J et al. Difference between liver and spleen CT numbers in the normal adult.
           Radiology 1980;137:727-729. Its numbers are EMI units (HU / 2): liver 24.9 (16.7 to 37.2), 3.8 above spleen.
[Boyce]    Boyce CJ et al. Hepatic steatosis in asymptomatic adults identified by unenhanced low-dose CT.
           AJR 2010;194:623-628.
[Late]     Late arterial phase, Radiopaedia.org (rev. 2023): aorta 290-360 HU, liver 20-30 above its plain value,
           portal vein 145 +- 20.
[Heiken]   Heiken JP et al. Dynamic incremental CT: effect of volume and concentration of contrast material and
           patient weight on hepatic enhancement. Radiology 1995;195:353-357.
[Urban]    Urban BA, Fishman EK. Helical CT of the spleen. AJR 1998;170:997-1003.
[Birnbaum] Birnbaum BA et al. Multiphasic renal CT: comparison of renal mass enhancement during the
           corticomedullary and nephrographic phases. Radiology 1996;200:753-758.
[McNulty]  McNulty NJ et al. Multi-detector row helical CT of the pancreas. Radiology 2001;220:97-102.
[Yoshizumi] Yoshizumi T et al. Abdominal fat: standardized technique for measurement at CT. Radiology
           1999;211:283-286.
[Aubrey]   Aubrey J et al. Measurement of skeletal muscle radiation attenuation and basis of its biological
           variation. Acta Physiol 2014;210:489-497.
[Pickhardt] Pickhardt PJ et al. Opportunistic screening for osteoporosis using abdominal computed tomography
           scans obtained for other indications. Ann Intern Med 2013;158:588-595.
[Mortele]  Mortele KJ, Ros PR. Cystic focal liver lesions in the adult. RadioGraphics 2001;21:895-910.
[Brancatelli] Brancatelli G et al. Focal nodular hyperplasia: CT findings with emphasis on multiphasic helical CT
           in 78 patients. Radiology 2001;219:61-68.
[Johnson]  Johnson PT et al. Dual-phase CT angiography of focal nodular hyperplasia. J Comput Assist Tomogr
           2010;34:720-724: FNH 115 HU in ART on average, below half of the aorta's.
[Baron]    Baron RL et al. Hepatocellular carcinoma: evaluation with biphasic, contrast-enhanced, helical CT.
           Radiology 1996;199:505-511.
[Lee]      Lee JH et al. Enhancement patterns of hepatocellular carcinomas on multiphasic multidetector row CT.
           Br J Radiol 2012;85:e573-e583.
[Leslie]   Leslie DF et al. Distinction between cavernous hemangiomas of the liver and hepatic metastases on CT.
           AJR 1995;164:625-629.
[LI-RADS]  CT/MRI LI-RADS v2018 core, American College of Radiology: definitions of the phases.
[Sica]     Sica GT, Ji H, Ros PR. CT and MR imaging of hepatic metastases. AJR 2000;174:691-698.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverTumorAttentionLib.contrast_phase import DELAYED, EARLY_ARTERIAL, NATIVE

Range = tuple[float, float]


@dataclass(frozen=True)
class Tissue:
    """One row: HU ranges in both phases; `timed` rows follow the patient's contrast timing; the source."""

    arterial_hu: Range
    portal_hu: Range
    timed: bool
    source: str


TISSUES: dict[str, Tissue] = {
    "skin": Tissue((10, 40), (10, 40), False, "chosen: soft tissue thinned by partial volume"),
    "subcutaneous_fat": Tissue(
        (-115, -95), (-115, -95), False, "[Yoshizumi] fat -190 to -30, mean about -100"
    ),
    "visceral_fat": Tissue(
        (-108, -85), (-108, -85), False, "[Yoshizumi]; vessels and strands raise it: chosen"
    ),
    "muscle": Tissue((48, 66), (54, 74), True, "[Aubrey] 30-55 plain, + 5-20 enhanced: chosen within"),
    "lung": Tissue((-880, -790), (-880, -790), False, "[Kalender] -950 to -700 by inflation; chosen within"),
    "bone": Tissue((110, 240), (110, 240), False, "[Pickhardt] trabecular L1 about 90-220"),
    "cortex_bone": Tissue((450, 800), (450, 800), False, "[Kalender] compact bone > 250; thinned: chosen"),
    "cartilage": Tissue((80, 130), (80, 130), False, "chosen: costal cartilage above muscle"),
    "disc": Tissue((70, 100), (70, 105), False, "chosen: disc above muscle, below bone"),
    "canal": Tissue((15, 40), (15, 40), False, "[Kalender] water 0 to nervous tissue 40"),
    "liver_native": Tissue(
        (50, 66), (50, 66), False, "[Piekarski] mean 50 (33-74), 8 above spleen; upper part: chosen"
    ),
    "liver_native_fatty": Tissue((15, 40), (15, 40), False, "[Boyce] moderate to severe steatosis < 40"),
    "liver_gain": Tissue((10, 27), (42, 66), True, "[Heiken], [Bae]: PV gain 50 or more; [Late] ART 20-30"),
    "spleen": Tissue((95, 155), (105, 140), True, "[Urban] pattern: banded ART, even PV; numbers chosen"),
    "kidney_cortex": Tissue((140, 210), (160, 205), True, "[Birnbaum] pattern; numbers chosen"),
    "kidney_medulla": Tissue((50, 90), (125, 185), True, "[Birnbaum] pattern; numbers chosen"),
    "pancreas": Tissue((80, 125), (75, 105), True, "[McNulty] pattern (ART above PV); numbers chosen"),
    "bowel_wall": Tissue((60, 100), (75, 110), True, "chosen within [Bae]'s soft-tissue gain"),
    "bowel_content": Tissue((5, 45), (5, 45), False, "chosen: water to food"),
    "oral_contrast": Tissue((130, 320), (130, 320), False, "chosen: dilute oral contrast"),
    "bile": Tissue((2, 16), (2, 16), False, "[Kalender] water-like; chosen 2-16"),
    "heart": Tissue((150, 280), (125, 170), True, "[Bae]: cardiac blood pool, mixed with muscle"),
    "aorta": Tissue((250, 370), (130, 175), True, "[Late] ART 290-360; PV: chosen after [Bae]"),
    "ivc": Tissue((55, 115), (115, 155), True, "[Bae]; mixing with renal blood: chosen"),
    "portal_vein": Tissue((85, 160), (145, 195), True, "[Late] ART 145 +- 20, earlier less; PV after [Bae]"),
    "hepatic_vein": Tissue((45, 65), (130, 180), True, "[Bae]: unenhanced in ART, full in PV"),
    "hepatic_artery": Tissue((190, 320), (120, 165), True, "[Bae]: as aorta, smaller"),
}

FURTHER_PHASES = (NATIVE, EARLY_ARTERIAL, DELAYED)
FURTHER_TISSUES: dict[str, tuple[Range, Range, Range]] = {
    "muscle": ((44, 58), (45, 61), (52, 72)),  # [Aubrey]
    "liver_gain": (
        (0, 0),
        (1, 8),
        (24, 46),
    ),  # [Heiken]: falls after its peak; early, no portal inflow yet [LI-RADS]
    "spleen": ((40, 54), (75, 135), (80, 112)),  # [Piekarski] 8 below liver; [Urban]
    "kidney_cortex": ((26, 38), (110, 190), (115, 165)),  # [Birnbaum] pattern; numbers chosen
    "kidney_medulla": ((26, 38), (32, 55), (120, 180)),  # [Birnbaum] pattern; numbers chosen
    "pancreas": ((32, 46), (60, 105), (65, 90)),  # [McNulty] pattern; numbers chosen
    "bowel_wall": ((25, 40), (40, 75), (60, 95)),  # chosen
    "heart": ((36, 50), (200, 330), (85, 125)),  # [Bae]: as the aorta, mixed with muscle
    "aorta": (
        (36, 50),
        (230, 400),
        (88, 128),
    ),  # [Kalender] blood; [Bae]: rises to its peak, falls to equilibrium
    "ivc": ((36, 50), (45, 100), (88, 125)),  # [Bae]; renal blood returns early: chosen
    "portal_vein": ((36, 50), (38, 62), (90, 128)),  # [LI-RADS]: not yet enhanced in the early arterial phase
    "hepatic_vein": ((36, 50), (38, 54), (88, 125)),  # [LI-RADS]
    "hepatic_artery": ((36, 50), (180, 330), (86, 122)),  # as the aorta, smaller
}
"""HU of the timed rows in `FURTHER_PHASES`; numbers without a source beside them are our reading of the course in
[Bae]. What is not timed stays as it is."""
RENAL_PELVIS_HU = (180.0, 600.0)
"""Urine with contrast in the delayed phase: excretion begins about 2 to 3 minutes after injection; numbers chosen."""

LESION_SOURCES: dict[str, str] = {
    "cyst": "[Mortele]: water, 0-15 HU, no enhancement",
    "FNH": "[Brancatelli], [Johnson]: bright and even in ART, isodense in PV, central scar dark",
    "HCC": "[Baron], [Lee]: bright in ART, washed out in PV, capsule enhancing late; numbers chosen",
    "hemangioma": "[Leslie]: globular peripheral enhancement like vessels, filling to the centre; numbers chosen",
    "metastasis": "[Sica]: hypodense, rim enhancing in ART, darker than liver in PV; numbers chosen",
}

LESION_PHASES = ("arterial", "portal", *FURTHER_PHASES)
# Contrast of each lesion type: HU above the liver around it, or absolute ("hu"). Ranges in the order of LESION_PHASES.
LESIONS: dict[str, dict[str, tuple[Range, ...]]] = {
    "cyst": {"hu": ((3, 12),) * 5},
    "FNH": {
        "body": ((32, 68), (-3, 4), (-6, 2), (12, 40), (-4, 4)),
        "scar": ((-5, 12), (-6, 6), (-6, 2), (-5, 5), (4, 15)),
    },
    "HCC": {
        "body": ((25, 62), (-34, -14), (-14, -2), (15, 50), (-36, -16)),
        "necrosis": ((-25, -5), (-60, -35), (-30, -15), (-28, -12), (-60, -38)),
        "capsule": ((-6, 4), (8, 22), (-4, 2), (-4, 4), (10, 24)),
    },
    "hemangioma": {
        "body": ((-32, -15), (-58, -35), (-25, -10), (-28, -12), (-30, -12)),
        "nodule_of_vessels": ((0.55, 0.8), (0.85, 1.0), (0.95, 1.0), (0.45, 0.75), (0.9, 1.0)),
    },
    "metastasis": {
        "body": ((-32, -12), (-62, -32), (-28, -8), (-28, -10), (-45, -20)),
        "rim": ((6, 30), (-22, -6), (-10, 0), (2, 18), (-14, 4)),
        "necrosis": ((-45, -30), (-90, -65), (-38, -22), (-42, -26), (-75, -50)),
    },
}
LESION_KINDS = tuple(LESIONS)


def draw_enhancement(rng: np.random.Generator, *, fatty: bool) -> dict[str, dict[str, float]]:
    """Draw one patient's HU: {"arterial": {tissue: HU}, "portal": {...}} with every row of TISSUES and "liver"."""
    timing = {"arterial": float(rng.uniform(0, 1)), "portal": float(rng.uniform(0, 1))}
    out: dict[str, dict[str, float]] = {"arterial": {}, "portal": {}}
    for name, row in TISSUES.items():
        own = float(rng.uniform(0, 1))
        for phase, (low, high) in (("arterial", row.arterial_hu), ("portal", row.portal_hu)):
            place = 0.6 * timing[phase] + 0.4 * own if row.timed else own
            if phase == "arterial" and name in ("aorta", "heart", "hepatic_artery"):
                place = 0.6 * (1 - timing[phase]) + 0.4 * own  # arteries fall while veins fill
            out[phase][name] = low + (high - low) * place
    for phase in out:
        native = out[phase]["liver_native_fatty" if fatty else "liver_native"]
        out[phase]["liver"] = native + out[phase]["liver_gain"]
    return out


def draw_further(rng: np.random.Generator, drawn: dict[str, float], phase: str) -> dict[str, float]:
    """Draw a patient's HU in one of `FURTHER_PHASES`. drawn: his HU in the portal phase, by `draw_enhancement`."""
    out = dict(drawn)
    timing, which = float(rng.uniform(0, 1)), FURTHER_PHASES.index(phase)
    for name, ranges in FURTHER_TISSUES.items():
        low, high = ranges[which]
        out[name] = low + (high - low) * (0.6 * timing + 0.4 * float(rng.uniform(0, 1)))
    out["liver"] = drawn["liver"] - drawn["liver_gain"] + out["liver_gain"]
    if phase == DELAYED:
        out["renal_pelvis"] = float(rng.uniform(*RENAL_PELVIS_HU))
    return out
