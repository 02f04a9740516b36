"""Every refusal of the program in one table, read from the places in the source that raise them.

    python -m Testing.refusals     writes Testing/refusals.md

A refusal says what is wrong, what was found, and what to do next: the last part begins with a verb. What is computed
stands in braces. Messages that pass on another refusal, or that a function puts together, are listed with its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).resolve().with_name("refusals.md")
SOURCES = ("LiverTumorAttentionLib", "training", "LiverTumorAttention/LiverTumorAttentionGui")
ERRORS = (
    "InputError",
    "ModelError",
    "DeviceError",
    "OutOfMemory",
    "RegistrationError",
    "OutputError",
    "RemoteError",
    "PanelError",
)
PARAMETER = "error"
"""Name of a parameter that is one of these classes."""

ADVICE = frozenset(
    word
    for line in (
        "accept add annotate ask bring build change check choose click close confirm convert copy correct create",
        "delete download draw drop enter erase evaluate exclude expand export extract fill free get give go harden",
        "include install keep lay leave load look lower make mark measure merge move name open pad paint pass",
        "answer pick please point prepare press put raise reject remove rename reopen report resample reshape restart",
        "restore run save say see segment select send separate set show shrink start stack take train try turn undo",
        "unpack unregister upgrade use wait write zip",
    )
    for word in line.split()
)
"""Verbs that begin the part of a message that says what to do."""
PARTS = re.compile(r"(?::|;|\.|—)\s+|, or |, and |, then ")
HINTS = ("{nearest(", "{near}", "{instead}", "{fits}", "{advice}", "{hint}", "{HELP}")
"""Parts that are computed and say what to do."""
PASSED_ON = re.compile(
    r"(?:.*: )?\{(?:error|problem|str\(error\)[^}]*|[a-z_.]*_problem\([^}]*\)|self\._listed\(\))\}\.?"
)
"""Messages that end in another refusal or in the words of a function, which say what to do."""


@dataclass(frozen=True)
class Refusal:
    """A place that raises an error. file: below the root. kind: the error's class. text: what is computed in braces."""

    file: str
    kind: str
    text: str

    @property
    def is_passed_on(self) -> bool:
        """Whether the text is made elsewhere."""
        return self.text.startswith("<") or PASSED_ON.fullmatch(self.text) is not None

    @property
    def advises(self) -> bool:
        """Whether a part of the message says what to do."""
        parts = PARTS.split(self.text)[1:]
        words = [part.strip("'\"(").split(" ")[0].lower().rstrip(",.") for part in parts if part]
        return self.is_passed_on or any(hint in self.text for hint in HINTS) or not ADVICE.isdisjoint(words)


def refusals() -> list[Refusal]:
    """Return all refusals of the sources, by file and line."""
    files = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]
    return [refusal for path in files for refusal in _of(path)]


def _of(path: Path) -> Iterator[Refusal]:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
    ]
    for call in sorted(calls, key=lambda call: call.lineno):
        kind = call.func.id  # type: ignore[attr-defined]
        if kind in (*ERRORS, PARAMETER):
            for message in _messages(call.args[0]):
                yield Refusal(path.relative_to(ROOT).as_posix(), kind, _text(message))


def _messages(node: ast.expr) -> list[ast.expr]:
    """Return the messages of which a condition chooses one, or the only one."""
    if isinstance(node, ast.IfExp):
        return _messages(node.body) + _messages(node.orelse)
    return [node]


def _text(node: ast.expr) -> str:
    """Return a message with what is computed in braces; in angle brackets where all of it is."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
        return _text(node.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _text(node.func.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.JoinedStr):
        parts = (
            value.value if isinstance(value, ast.Constant) else f"{{{ast.unparse(value.value)}}}"  # type: ignore[attr-defined]
            for value in node.values
        )
        return "".join(map(str, parts))
    return f"<{ast.unparse(node)}>"


def table() -> str:
    """Return the table as Markdown, one section a file."""
    lines = ["# Refusals", "", *(__doc__ or "").strip().splitlines()[4:], ""]
    lines[2:2] = ["Written by `python -m Testing.refusals`; a test keeps it current.", ""]
    before = ""
    for refusal in refusals():
        if refusal.file != before:
            lines += ["", f"## {refusal.file}", "", "| error | message |", "| --- | --- |"]
            before = refusal.file
        text = refusal.text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
        lines.append(f"| {refusal.kind} | {text} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table."""
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
