"""Names and codes of segments: which are liver, tumor, vessel, of another organ, or nothing known."""

from __future__ import annotations

import unicodedata

import pytest

from LiverTumorAttentionLib.io.terminology import Description, described_by_entry, segment_kind

NAMES = {
    "tumor": [
        "Tumor 1",
        "LiverTumor",
        "liver_lesion",
        "Tumeur 1",
        "lésion",
        "Kyste hépatique",
        "Hämangiom",
        "Leberherd",
        "Läsion",
        "Lebermetastase",
        "Leberzyste",
        "Krebs",
        "Metástasis hepática",
        "quiste",
        "lesione focale",
        "nódulo",
        "lesão",
        "HCC",
        "tumor near portal vein",
        "vascular lesion",
        "liver metastasis of colon cancer",
        "ductal carcinoma",
        "Tumor no 2",
        "GTV",
        "GTV_Liver",
        "rim enhancing lesion",
        "tumor with capsule",
        "lesion next to gallbladder",
        "guz",
        "опухоль",
        "肿瘤",
        "肝腫瘍",
        "血管瘤",
        "종양",
    ],
    "liver": [
        "Liver",
        "Foie",
        "Leber",
        "hígado",
        "fegato",
        "fígado",
        "Left lobe of liver",
        "liver_segment_3",
        "polycystic liver",
        "liver without tumor",
        "Leber ohne Tumor",
        "liver_with_tumors",
        "tumor-free liver",
        "tumorfreie Leber",
        "non-tumorous liver",
        "Liver-GTV",
        "liver - PTV",
        "lever",
        "wątroba",
        "печень",
        "肝臓",
        "肝脏",
        "간",
    ],
    "vessel": [
        "liver_vessels",
        "hepatic_vein",
        "portal_vein_and_splenic_vein",
        "Liver portal vein",
        "Lebervene",
        "Lebergefäße",
        "Pfortader",
        "Veine porte",
        "Vena porta",
        "artère hépatique",
        "inferior_vena_cava",
        "Cystic duct",
        "tumor feeding artery",
    ],
    "elsewhere": [
        "kidney_cyst_left",
        "lung_nodules",
        "spleen lesion",
        "adrenal mass",
        "pancreatic_lesion",
        "Muscle mass",
        "spleen",
        "Nierenzyste",
        "kyste du rein",
        "quiste renal",
        "hepatic lymph node metastasis",
        "gallbladder",
    ],
    "neither": [
        "PTV_Liver",
        "CTV 1",
        "PTV-GTV",
        "peritumoral",
        "peri-tumoral region",
        "tumor margin 5 mm",
        "rim of tumor 2",
        "Tumorrand",
        "tumor bed",
        "liver capsule",
        "Leberabszess",
    ],
    "background": ["background", "Hintergrund"],
    "": ["Segment_2", "not liver", "PV", "outside the liver", "no tumor", "pseudolesion"],
}
PAIRS = [(name, kind) for kind, names in NAMES.items() for name in names]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_several_languages(name, kind, form):
    assert segment_kind(Description(name=unicodedata.normalize(form, name))) == kind
    assert segment_kind(Description(name=unicodedata.normalize(form, name.replace(" ", "_")))) == kind


KIDNEY, LIVER, ABDOMEN = ("64033007", "Kidney"), ("10200004", "Liver"), ("113345001", "Abdomen")


@pytest.mark.parametrize(
    ("name", "types", "regions", "kind"),
    [
        ("Segment_2", [("4147007", "Mass")], [], "tumor"),
        ("Segment_2", [("M-8FFFF", "")], [("T-62000", "")], "tumor"),
        ("Segment_2", [("T-62000", "")], [], "liver"),
        ("Segment_2", [("8993003", "")], [], "vessel"),
        ("Segment_2", [("1", "Hepatocellular carcinoma")], [], "tumor"),
        ("Leber", [("85756007", "Tissue")], [], "liver"),
        ("Mass", [("4147007", "Mass")], [KIDNEY], "elsewhere"),
        ("Liver lesion", [("4147007", "Mass")], [("T-71000", "")], "elsewhere"),
        ("Lesion", [KIDNEY], [], "elsewhere"),
        ("Mass", [("4147007", "Mass")], [ABDOMEN], "tumor"),
        ("Colon cancer", [("4147007", "Mass")], [LIVER], "tumor"),
        ("Kidney cyst", [("367643001", "Cyst")], [], "elsewhere"),
        ("Metastasis", [], [("1", "Right lobe of liver")], "tumor"),
    ],
)
def test_codes_come_first_and_another_region_excludes(name, types, regions, kind):
    assert segment_kind(Description(name=name, types=tuple(types), regions=tuple(regions))) == kind


def test_slicers_entry_holds_type_modifier_and_region():
    entry = "list~SCT^49755003^Altered~SCT^4147007^Mass~SCT^1^Big~anatomy~SCT^64033007^Kidney~^^"
    assert described_by_entry("a", entry) == Description(
        name="a", types=(("1", "Big"), ("4147007", "Mass")), regions=(("64033007", "Kidney"),)
    )
    assert described_by_entry("a", "") == Description(name="a")
