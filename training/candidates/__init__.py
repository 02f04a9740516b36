"""The second look at candidates: collected with the truth, fitted, calibrated, with operating points."""
