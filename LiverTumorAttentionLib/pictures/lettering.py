"""Letters of five by seven pixels, enough to label a picture without a font library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GLYPH_ROWS, GLYPH_COLUMNS = 7, 5

_GLYPHS = {
    "A": "EHHVHHH", "B": "UHHUHHU", "C": "EHGGGHE", "D": "UHHHHHU", "E": "VGGUGGV", "F": "VGGUGGG",
    "G": "EHGNHHF", "H": "HHHVHHH", "I": "E44444E", "J": "72222IC", "K": "HIKOKIH", "L": "GGGGGGV",
    "M": "HRLLHHH", "N": "HPPLJJH", "O": "EHHHHHE", "P": "UHHUGGG", "Q": "EHHHLID", "R": "UHHUKIH",
    "S": "FGGE11U", "T": "V444444", "U": "HHHHHHE", "V": "HHHHHA4", "W": "HHHLLLA", "X": "HHA4AHH",
    "Y": "HHA4444", "Z": "V1248GV", "0": "EHJLPHE", "1": "4C4444E", "2": "EH1248V", "3": "V2421HE",
    "4": "26AIV22", "5": "VGU11HE", "6": "68GUHHE", "7": "V124888", "8": "EHHEHHE", "9": "EHHF12C",
    ".": "00000CC", ",": "0000448", "-": "000V000", ":": "0CC0CC0", "/": "0124880", "%": "OP248J3",
    "(": "2488842", ")": "8422248",
}  # fmt: skip
"""Each character of a glyph is a row from the top, its five bits in base 32 with the left pixel first."""


def lettering(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """Return the pixels (rows, columns) of a line of text in capitals; unknown characters are left blank."""
    line = np.zeros((GLYPH_ROWS, max(1, len(text) * (GLYPH_COLUMNS + 1) - 1)), dtype=bool)
    for position, character in enumerate(text.upper()):
        for row, digit in enumerate(_GLYPHS.get(character, "0" * GLYPH_ROWS)):
            bits = int(digit, 32)
            for column in range(GLYPH_COLUMNS):
                if bits >> (GLYPH_COLUMNS - 1 - column) & 1:
                    line[row, position * (GLYPH_COLUMNS + 1) + column] = True
    return np.kron(line, np.ones((scale, scale), dtype=bool))
