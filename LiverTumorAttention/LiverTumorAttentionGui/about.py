"""What Slicer shows under Help & Acknowledgement. Imported at Slicer's start: nothing but Slicer's translation here."""

from slicer.i18n import tr as _


def help_text() -> str:
    """Return the help text, HTML."""
    return _(
        "Segments the liver and its tumors in a portal venous CT, with the help of a late arterial CT "
        "where there is one. The computation runs in a process of its own, and nothing leaves this "
        "computer. Not for clinical use."
    )


def acknowledgement() -> str:
    """Return the acknowledgement, HTML."""
    return _(
        "Networks after PA-ResSeg (Xu et al., 2021). The bundled model was trained on real "
        "slices and on painted and generated CT; Models... shows its card."
    )
