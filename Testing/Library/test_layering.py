"""Who may import whom: the layers of the library, and no import circle anywhere."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "LiverTumorAttentionLib"

NUMERICS = {"numpy", "scipy", "SimpleITK"}
SLICER = {"slicer", "qt", "ctk", "vtk"}
FOUNDATION = {
    *("errors", "progress", "config_parsing", "tumor_columns", "identifying_names", "wording"),
    *("ending", "file_identity", "memory", "regular_file", "json_values", "standard_streams", "supervised"),
    *("lesion_classifier", "threads", "contrast_phase"),
}
VOXELS = FOUNDATION | {"voxels"}

# Each part of the library: the parts below it that it may import, and the packages from outside.
# A part may always import itself. "lazily" are packages that it imports inside functions alone.
RULES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "errors": (set(), set(), set()),
    "progress": ({"errors"}, set(), set()),
    "config_parsing": ({"errors"}, set(), set()),
    "tumor_columns": ({"wording"}, set(), set()),
    "ending": ({"errors", "standard_streams", "supervised", "threads"}, set(), set()),
    "threads": (set(), set(), set()),
    "supervised": ({"errors", "memory"}, set(), set()),
    "file_identity": ({"errors"}, set(), set()),
    "memory": ({"errors", "wording"}, set(), {"numpy", "scipy"}),
    "identifying_names": (set(), set(), set()),
    "wording": (set(), set(), set()),
    "regular_file": (set(), set(), set()),
    "standard_streams": (set(), set(), set()),
    "yaml_values": ({"errors", "regular_file"}, {"yaml"}, set()),
    "json_values": ({"errors", "config_parsing", "regular_file"}, set(), set()),
    "lesion_classifier": ({"errors", "wording"}, set(), set()),
    "contrast_phase": (set(), set(), set()),
    "voxels": (FOUNDATION, NUMERICS, set()),
    "networks": ({"errors"}, {"torch"}, {"monai"}),
    "preprocessing": (VOXELS, NUMERICS, set()),
    "phases": (VOXELS, NUMERICS, set()),
    "io": (VOXELS | {"phases"}, NUMERICS, {"highdicom", "pydicom"}),
    "phantoms": (VOXELS | {"io"}, NUMERICS, set()),
    "metrics": (VOXELS | {"preprocessing", "io"}, NUMERICS, set()),
    "postprocessing": (VOXELS, NUMERICS, set()),
    "analysis": (VOXELS | {"preprocessing", "io"}, NUMERICS, set()),
    "pictures": (VOXELS, NUMERICS | {"PIL"}, set()),
    "registration": (VOXELS | {"io", "preprocessing"}, NUMERICS, {"torch"}),
    "models": (FOUNDATION, set(), {"torch", "safetensors"}),
    "conversion": (
        VOXELS | {"io", "models", "networks", "phases", "yaml_values"},
        set(),
        {"numpy", "safetensors", "torch", "yaml"},
    ),
    "inference": (VOXELS | {"models", "networks", "preprocessing"}, NUMERICS | {"torch"}, set()),
    "correction": (VOXELS | {"analysis", "io", "postprocessing", "preprocessing"}, NUMERICS, set()),
    "followup": (VOXELS | {"analysis", "registration"}, NUMERICS, set()),
    "pipeline": (
        VOXELS
        | {
            "analysis",
            "correction",
            "followup",
            "inference",
            "io",
            "metrics",
            "models",
            "phantoms",
            "pictures",
        }
        | {"phases", "postprocessing", "preprocessing", "registration"},
        NUMERICS,
        set(),
    ),
    "job": ({"pipeline"}, set(), set()),
    "report": (
        VOXELS
        | {
            "analysis",
            "correction",
            "followup",
            "io",
            "pictures",
            "pipeline",
            "preprocessing",
            "registration",
        },
        NUMERICS,
        {"highdicom", "jinja2", "markupsafe", "pydicom"},
    ),
    "cohort": (
        VOXELS | {"analysis", "io", "models", "phases", "pictures", "pipeline"},
        NUMERICS | {"markupsafe"},
        {"ray", "jinja2"},
    ),
    "remote": (FOUNDATION | {"io", "pipeline"}, {"numpy", "SimpleITK"}, set()),
    "server": (
        FOUNDATION | {"cohort", "io", "models", "pipeline", "remote"},
        {"fastapi", "uvicorn"},
        set(),
    ),
    "commands": (
        FOUNDATION
        | {"cohort", "remote", "server"}
        | {"conversion", "io", "metrics", "models", "networks", "phantoms", "pipeline", "report"},
        set(),
        {"rich"},
    ),
    "cli": ({"commands", "ending", "errors"}, set(), set()),
    "__main__": ({"cli", "ending"}, set(), set()),
    "__init__": (set(), set(), set()),
}

PANEL = "LiverTumorAttentionGui"
# Each room of the panel, and each file at its root: the others that it may import, besides the translation.
GROUND = {"errors", "signals", "feedback"}
PANEL_RULES: dict[str, set[str]] = {
    "__init__": {"process"},
    "about": set(),
    "i18n": set(),
    "library_words": set(),
    "errors": set(),
    "signals": set(),
    "parameters": set(),
    "run_summary": set(),
    "feedback": {"errors"},
    "process": {"errors"},
    "model_collection": {"errors", "process"},
    "scene": {"errors"},
    "sample": {"errors", "process", "scene"},
    "correction": GROUND | {"process", "scene"},
    "review": GROUND | {"correction", "process", "scene"},
    "segmentation": {"errors", "parameters", "process", "scene", "correction", "review", "run_summary"},
    "worklist": {"errors", "process", "scene", "correction", "segmentation"},
    "sections": GROUND
    | {"parameters", "process", "model_collection", "scene", "correction", "review", "segmentation"}
    | {"library_words", "worklist"},
    "panel": {"errors", "feedback", "process", "sample"}
    | {"model_collection", "correction", "segmentation", "sections", "worklist"},
}


def python_files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts)


def part_of(path: Path) -> str:
    inside = path.relative_to(ROOT / LIBRARY)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return (module, whether it is imported when the file is) for every import of a file."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, at_import: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", at_import))
            if node.module == LIBRARY:
                found.extend((f"{LIBRARY}.{alias.name}", at_import) for alias in node.names)
        inner = at_import and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            inner = False
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def broken_rules(path: Path, part: str, modules: list[tuple[str, bool]]) -> list[str]:
    below, always, lazily = RULES[part]
    problems = []
    for module, at_import in modules:
        top = module.split(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if top == LIBRARY:
            target = module.split(".")[1] if "." in module else None
            if target in (None, part) or target in below or target not in RULES:
                continue  # what is no part is a name of the package itself, such as __version__
            problems.append(f"{path.name}: {part} imports {target}")
        elif top not in always and (top not in lazily or at_import):
            problems.append(f"{path.name}: {part} imports {top}{' at import' if top in lazily else ''}")
    return problems


@pytest.mark.parametrize("path", python_files(LIBRARY), ids=lambda p: str(p.relative_to(ROOT / LIBRARY)))
def test_library_imports_downwards_only(path: Path) -> None:
    part = part_of(path)
    assert part in RULES, f"{path} belongs to no part: give it a place in RULES"
    assert broken_rules(path, part, imports(path)) == []


def panel_room(path: Path) -> str:
    inside = path.relative_to(ROOT / "LiverTumorAttention" / PANEL)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def wrong_panel_imports(room: str, modules: list[tuple[str, bool]]) -> list[str]:
    """Return the rooms that a file of a room must not import, and imports."""
    rooms = {module.split(".")[1] for module, _ in modules if module.startswith(f"{PANEL}.")}
    return sorted(rooms - PANEL_RULES[room] - {room, "i18n"})


@pytest.mark.parametrize("path", python_files(f"LiverTumorAttention/{PANEL}"), ids=lambda p: p.stem)
def test_panel_imports_downwards_only(path: Path) -> None:
    room = panel_room(path)
    assert room in PANEL_RULES, f"{path} belongs to no room: give it a place in PANEL_RULES"
    assert wrong_panel_imports(room, imports(path)) == []


@pytest.mark.parametrize("folder", [LIBRARY, "training"])
def test_slicer_is_known_to_the_module_alone(folder: str) -> None:
    for path in python_files(folder):
        assert not {m.split(".")[0] for m, _ in imports(path)} & SLICER, path


@pytest.mark.parametrize("folder", [LIBRARY, "LiverTumorAttention"])
def test_nothing_imports_training(folder: str) -> None:
    for path in python_files(folder):
        assert "training" not in {m.split(".")[0] for m, _ in imports(path)}, path


@pytest.mark.parametrize("folder", [LIBRARY, "training", "LiverTumorAttention"])
def test_nothing_is_unpickled(folder: str) -> None:
    for path in python_files(folder):
        text = path.read_text(encoding="utf-8")
        if (
            path.name == "checkpoint_child.py"
        ):  # the one place: tensors and plain values alone, in a child process
            assert "weights_only=True" in text
            assert "def find_class" in text
            assert not re.search(r"pickle\.loads?\(|weights_only=False", text)
            continue
        names = {m.split(".")[0] for m, _ in imports(path)}
        assert not names & {"pickle", "dill", "joblib", "cloudpickle", "shelve"}, path
        assert not re.search(r"(?<!safetensors\.)torch\.load\(", text), path
        assert "allow_pickle=True" not in text, path


ROOTS = {LIBRARY: ROOT, PANEL: ROOT / "LiverTumorAttention", "training": ROOT}
"""Packages whose imports may form no circle, and the folder that each is imported from."""

Graph = dict[str, set[str]]


def import_graph(package: str, root: Path) -> Graph:
    """Return which modules of a package import which; imports within functions and for types count as well."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((root / package).rglob("*.py"))
        if "__pycache__" not in path.parts
    }
    return {name: _imported(path, set(files)) - {name} for name, path in files.items()}


def _imported(path: Path, modules: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & modules
            found |= submodules | ({node.module} if names - submodules else set())
    return found & modules


def folder_graph(graph: Graph, package: str) -> Graph:
    """Return which top-level parts of a package (folders, and modules beside them) import which."""
    folders: Graph = {}
    for module, imported in graph.items():
        part = _part(module, package)
        folders.setdefault(part, set()).update(_part(name, package) for name in imported)
    for part, imported in folders.items():
        imported.discard(part)
    return folders


def _part(module: str, package: str) -> str:
    return module.removeprefix(package).lstrip(".").split(".")[0] or "__init__"


def circles(graph: Graph) -> list[set[str]]:
    """Return the sets of nodes that reach each other (strongly connected components of two or more)."""
    reached: Graph = {}
    for start in graph:
        reached[start] = set()
        waiting = list(graph[start])
        while waiting:
            node = waiting.pop()
            if node not in reached[start]:
                reached[start].add(node)
                waiting.extend(graph.get(node, ()))
    found: list[set[str]] = []
    for node in graph:
        if node in reached[node] and not any(node in circle for circle in found):
            found.append({other for other in reached[node] if node in reached[other]})
    return found


@pytest.mark.parametrize("package", ROOTS)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    assert circles(import_graph(package, ROOTS[package])) == []


@pytest.mark.parametrize("package", ROOTS)
def test_no_folders_import_each_other_in_a_circle(package: str) -> None:
    assert circles(folder_graph(import_graph(package, ROOTS[package]), package)) == []


def test_the_rules_of_library_and_panel_make_no_circle() -> None:
    assert circles({part: below for part, (below, _, _) in RULES.items()}) == []
    assert circles(PANEL_RULES) == []


def test_circles_are_found() -> None:
    graph: Graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "e"}}
    assert circles(graph) == [{"b", "c"}, {"e"}]
    parts = folder_graph({"lib.one.x": {"lib.two.y"}, "lib.two.z": {"lib.one.w"}, "lib.two.y": set()}, "lib")
    assert circles(parts) == [{"one", "two"}]


def test_the_rules_see_a_wrong_import() -> None:
    path = ROOT / LIBRARY / "io" / "read.py"
    assert broken_rules(path, "io", [(f"{LIBRARY}.pipeline", True)]) == ["read.py: io imports pipeline"]
    assert broken_rules(path, "io", [("torch", True)]) == ["read.py: io imports torch"]
    assert broken_rules(path, "io", [("pydicom", True)]) == ["read.py: io imports pydicom at import"]
    assert broken_rules(path, "io", [("pydicom", False), ("numpy", True)]) == []


def test_the_panel_rules_see_a_wrong_import() -> None:
    assert wrong_panel_imports("process", [(f"{PANEL}.scene.study", False), ("qt", True)]) == ["scene"]
    assert wrong_panel_imports("scene", [(f"{PANEL}.scene.study", True), (f"{PANEL}.errors", True)]) == []
