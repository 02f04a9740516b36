"""What the panel shows can be translated: its texts pass through Slicer's function, those of .ui files through Qt's."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUI = ROOT / "LiverTumorAttention" / "LiverTumorAttentionGui"
SHOWN_BY = {
    *("PanelError", "InstallationCancelled", "say", "_say", "_refused", "setText", "setToolTip", "setTitle"),
    *("with_key", "table_item", "addItem", "errorDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay"),
    *(
        "_show_progress",
        "_progress",
        "_ask",
        "getText",
        "getExistingDirectory",
        "getOpenFileName",
        "getSaveFileName",
    ),
}
"""Functions whose texts the user reads."""
SHOWN_AS = {
    "text",
    "toolTip",
    "title",
    "windowTitle",
    "labelText",
    "statusTip",
    "placeholderText",
    "tip",
    "message",
}
"""Properties and keywords likewise."""
NO_MESSAGE = {
    "ValueError",
    "TypeError",
    "AttributeError",
    "RuntimeError",
    "KeyError",
    "debug",
    "error",
    "exception",
}
"""What programmers read."""
DATA = re.compile(
    r"\.(nrrd|json|h5|csv|dcm)|^vtk|SCT|volume_ml|^<(layout|item|a href|li>)|^color: "
    r"|^(CPU|Level tracing|starting|[a-z]+Button)$"
)
"""Names of files, of nodes and effects of Slicer, codes, columns, markup."""
SENTENCE = re.compile(r"^[A-Z{].*[a-z}] .*[a-z)}][.!?…]$", re.DOTALL)


def text_of(node: ast.AST) -> str | None:
    """Return the text of a literal, what is computed as {}; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def unmarked(source: str) -> list[str]:
    """Return the texts that a user reads and that are not translated."""
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        text = text_of(node)
        if text is None or isinstance(above[node], ast.Expr | ast.JoinedStr | ast.FormattedValue):
            continue
        if re.search(r"[A-Za-z]{2}", text.replace("{}", "")) is None or DATA.search(text):
            continue
        if _is_read(node, text, above):
            found.append(text)
    return found


def _is_read(node: ast.AST, text: str, above: dict[ast.AST, ast.AST]) -> bool:
    read = SENTENCE.match(text) is not None
    child, parent = node, above.get(node)
    while parent is not None and not isinstance(parent, ast.FunctionDef | ast.ClassDef | ast.Module):
        if isinstance(parent, ast.Call):
            name = (
                parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
            )
            if name == "_" or name in NO_MESSAGE:
                return False
            if child is not parent.func:
                read = read or name in SHOWN_BY
                if name not in SHOWN_BY and not read:
                    return False  # what another function makes of it
        if isinstance(parent, ast.keyword) and parent.arg in SHOWN_AS:
            read = True
        if isinstance(parent, ast.Assign):
            names = {target.attr for target in parent.targets if isinstance(target, ast.Attribute)}
            read = read or bool(names & SHOWN_AS)
        if isinstance(parent, ast.Compare | ast.Subscript | ast.Dict) and not read:
            return False
        child, parent = parent, above.get(parent)
    return read


@pytest.mark.parametrize("path", sorted(GUI.rglob("*.py")), ids=lambda path: str(path.relative_to(GUI)))
def test_texts_of_the_panel_are_translated(path: Path) -> None:
    assert unmarked(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        'raise PanelError(f"{name} has no voxels: choose another volume.")',
        'self._label.text = "Sign"',
        'self._say("Cancelled" if cancelled else _("Done"))',
        'HINT = "Choose a case first."',
        'Tool(button="addButton", tip="Click on a tumor")',
        'return "No tumor was found."',
        'TIPS = {"draft": "A draft can be corrected."}',
    ],
)
def test_a_text_that_is_not_translated_is_found(line: str) -> None:
    source = f"def f():\n    {line}\n" if line.startswith("return") else f"{line}\n"
    assert len(unmarked(source)) == 1


@pytest.mark.parametrize(
    "line",
    [
        'raise PanelError(_("{name} has no voxels: choose another volume.").format(name=name))',
        'raise ValueError("A header without sizes.")',
        'logging.error("Liver Tumor Attention: nothing was loaded.")',
        'node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} table")',
        'ui.addButton.connect("clicked(bool)", slot)',
    ],
)
def test_other_texts_are_left_alone(line: str) -> None:
    assert unmarked(f"{line}\n") == []


def test_translated_texts_are_literals() -> None:
    """Slicer's tools read them from the source: what is computed is filled in afterwards."""
    computed = []
    for path in GUI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
            if called and not (len(node.args) == 1 and isinstance(node.args[0], ast.Constant)):
                computed.append(f"{path.name}: {ast.unparse(node)}")
    assert computed == []


def pieces(source: str) -> list[str]:
    """Return translated texts that are put together to a sentence: another language orders its words otherwise."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if _is_translated(node):
            text = text_of(node.args[0])
            if text is not None and (text != text.strip() or text[:1] in ".,;:)"):
                found.append(text)
        elif isinstance(node, ast.BinOp | ast.AugAssign | ast.JoinedStr):
            added = isinstance(node, ast.JoinedStr) or isinstance(node.op, ast.Add)
            if added and any(_is_translated(part) for part in ast.walk(node)):
                found.append(ast.unparse(node))
    return found


def _is_translated(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and bool(node.args)


@pytest.mark.parametrize("path", sorted(GUI.rglob("*.py")), ids=lambda path: str(path.relative_to(GUI)))
def test_sentences_are_translated_whole(path: Path) -> None:
    assert pieces(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        'text = _("Tumor ") + number',
        'text += _("of it")',
        "text = f\"{_('No tumor')}.{liver}\"",
        'more = _(", and {value} more")',
    ],
)
def test_a_piece_of_a_sentence_is_found(line: str) -> None:
    assert pieces(f"{line}\n")


def test_no_local_name_hides_the_function() -> None:
    hidden = []
    for path in GUI.rglob("*.py"):
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.FunctionDef | ast.Lambda):
                continue
            inside = list(ast.walk(scope))
            bound = any(isinstance(n, ast.arg) and n.arg == "_" for n in inside) or any(
                isinstance(n, ast.Name) and n.id == "_" and isinstance(n.ctx, ast.Store) for n in inside
            )
            called = any(isinstance(n, ast.Call) and getattr(n.func, "id", "") == "_" for n in inside)
            if bound and called:
                hidden.append(f"{path.name}:{scope.lineno}")
    assert hidden == []


def test_everything_on_the_panel_is_translated(application: object, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "Testing.Slicer.marked_panel", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
