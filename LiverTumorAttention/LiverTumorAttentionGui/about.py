"""What Slicer shows under Help & Acknowledgement. Imported at Slicer's start: nothing but Slicer's translation here."""

from slicer.i18n import tr as _

HOMEPAGE = "https://github.com/LiverTumorAttention/SlicerLiverTumorAttention"
FILES = f"{HOMEPAGE}/blob/main"
PAPER = "https://doi.org/10.1002/mp.14922"


def help_text() -> str:
    """Return the help text, HTML."""
    text = _(
        "Segments the liver and its tumors in a portal venous CT, with the help of a late arterial CT "
        "where there is one. The computation runs in a process of its own, and nothing leaves this "
        "computer. <b>Not for clinical use.</b>"
    )
    links = (
        (_("Tutorial, step by step"), f"{FILES}/LiverTumorAttention/TUTORIAL.md"),
        (_("What each section does"), f"{FILES}/LiverTumorAttention/README.md"),
        (_("The bundled model: sources, scores, known failures"), f"{FILES}/{_CARD}"),
        (_("Report a problem"), f"{HOMEPAGE}/issues"),
    )
    return f"<p>{text}</p><ul>{''.join(f'<li>{_link(*link)}</li>' for link in links)}</ul>"


def acknowledgement() -> str:
    """Return the acknowledgement, HTML."""
    text = _(
        "Networks after PA-ResSeg ({paper}) and four other papers, which {citation} names. The bundled model was "
        "trained on real slices of public data sets and on painted and generated CT; {card} names every source and "
        "its license. Built on 3D Slicer, ITK, PyTorch and others."
    )
    return "<p>{}</p>".format(
        text.format(
            paper=_link("Xu et al., Medical Physics 2021", PAPER),
            citation=_link("CITATION.cff", f"{FILES}/CITATION.cff"),
            card=_link(_("its card"), f"{FILES}/{_CARD}"),
        )
    )


_CARD = "LiverTumorAttentionLib/data/models/demonstration/README.md"


def _link(words: str, address: str) -> str:
    return f'<a href="{address}">{words}</a>'
