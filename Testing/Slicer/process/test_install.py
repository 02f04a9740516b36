"""What is installed when the user first runs the module, by whom, and what pip may never replace."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "LiverTumorAttention" / "Resources" / "requirements.txt"


@pytest.fixture
def install(application):
    from LiverTumorAttentionGui.process import install

    return install


@pytest.fixture
def without_torch(install, monkeypatch):
    real = install.importlib.util.find_spec
    monkeypatch.setattr(
        install.importlib.util, "find_spec", lambda name: None if name == "torch" else real(name)
    )


def constraints_in_force() -> str:
    """Return the text of the one file that the environment names."""
    address = urllib.parse.urlsplit(os.environ["PIP_CONSTRAINT"])
    assert address.scheme == "file"
    return Path(urllib.request.url2pathname(address.path)).read_text()


def pytorch_utils(install_torch):
    module = ModuleType("PyTorchUtils")
    module.PyTorchUtilsLogic = lambda: SimpleNamespace(installTorch=install_torch)
    return module


def test_nothing_is_installed_where_everything_is_there(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", pytorch_utils(pytest.fail))
    monkeypatch.setattr(install, "slicer_packaging", pytest.fail)
    install.Installer().ensure()
    assert "PIP_CONSTRAINT" not in os.environ


def test_torch_comes_through_the_pytorch_extension(install, without_torch, monkeypatch):
    asked = []

    def install_torch(**options):
        constraints = constraints_in_force()
        asked.append((options, constraints))
        return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", pytorch_utils(install_torch))
    install.Installer().ensure()
    options, constraints = asked[0]
    assert options == {"askConfirmation": True, "torchVersionRequirement": ">=2.3"}
    for name in ("numpy", "scipy", "SimpleITK", "Pillow"):
        assert f"{name}=={importlib.metadata.version(name)}\n" in constraints


def test_a_package_of_slicer_that_is_too_old_is_left_to_pip(install, monkeypatch, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("scipy>=99\n")
    monkeypatch.setattr(install, "REQUIREMENTS", path)
    with install._protected_versions() as constraints:
        names = [line.partition("==")[0] for line in constraints.read_text().splitlines()]
    assert "scipy" not in names
    assert {"numpy", "SimpleITK"} <= set(names)


@pytest.fixture
def wheels(tmp_path):
    """A folder with two versions of a package that a test may install; nothing is downloaded."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        name = f"lta_probe-{version}"
        files = {
            "lta_probe.py": f"version = {version!r}\n",
            f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: lta-probe\nVersion: {version}\n",
            f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{name}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
        with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, text)
    return folder


def test_pip_keeps_to_the_versions_though_the_temporary_folder_has_a_space(
    install, wheels, monkeypatch, tmp_path
):
    """The real pip, which splits the variable at spaces, as under C:\\Users\\First Last."""
    spaced = tmp_path / "First Last"
    spaced.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spaced))
    monkeypatch.setattr(install, "PROTECTED", ("lta-probe",))
    monkeypatch.setattr(install, "_version", lambda name: "1.0" if name == "lta-probe" else "99")
    monkeypatch.setenv("PIP_CONSTRAINT", "")
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels)]
    command += ["--disable-pip-version-check", "--target", str(target), "lta-probe"]
    with install._protected_versions() as constraints:
        assert " " in str(constraints)
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (target / "lta_probe.py").read_text() == "version = '1.0'\n"


def test_constraints_that_the_environment_has_stay_in_force(install, monkeypatch, tmp_path):
    (tmp_path / "own.txt").write_text("rich<99\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "own.txt"))
    with install._protected_versions() as constraints:
        assert os.environ["PIP_CONSTRAINT"].split() == [str(tmp_path / "own.txt"), constraints.as_uri()]
    assert os.environ["PIP_CONSTRAINT"] == str(tmp_path / "own.txt")


def test_what_slicer_ships_and_this_module_uses_is_protected(install):
    """Slicer's DICOM module needs its own pydicom, which a DICOM writer of another version would replace."""
    names = {name.lower() for name in install.PROTECTED}
    assert {"numpy", "scipy", "simpleitk", "pillow", "pydicom", "torch"} <= names


def test_torch_without_the_extension_or_declined(install, without_torch, monkeypatch):
    from LiverTumorAttentionGui.errors import PanelError

    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(PanelError, match="install the extension PyTorch from the Extensions Manager"):
        install.Installer().ensure()
    monkeypatch.setitem(sys.modules, "PyTorchUtils", pytorch_utils(lambda **_: None))
    with pytest.raises(PanelError, match="was not installed"):
        install.Installer().ensure()

    def offline(**_):
        raise OSError("no network")

    monkeypatch.setitem(sys.modules, "PyTorchUtils", pytorch_utils(offline))
    with pytest.raises(PanelError, match=r"could not be installed \(no network\)"):
        install.Installer().ensure()


@pytest.fixture
def needing(install, monkeypatch, tmp_path):
    """Requirements of which one is not there."""
    path = tmp_path / "requirements.txt"
    path.write_text("# why\nnumpy>=1\nno-such-package>=3  # why\n")
    monkeypatch.setattr(install, "REQUIREMENTS", path)
    return path


def test_requirements_go_through_slicer_packaging(install, needing, monkeypatch):
    calls = []
    packaging = SimpleNamespace(
        load_requirements=lambda path: ["loaded", path], pip_ensure=lambda *a, **k: calls.append((a, k))
    )
    monkeypatch.setattr(install, "slicer_packaging", lambda: packaging)
    install.Installer().ensure()
    (requirements,), options = calls[0]
    assert requirements == ["loaded", needing]
    assert options["requester"] == "Liver Tumor Attention"
    assert options["constraints"].name == "constraints.txt"


def test_requirements_before_slicer_packaging_are_asked_for(install, needing, monkeypatch):
    import slicer

    from LiverTumorAttentionGui.errors import PanelError

    calls = []
    monkeypatch.setattr(install, "slicer_packaging", lambda: None)
    monkeypatch.setattr(slicer.util, "pip_install", calls.append)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *a, **k: False)
    with pytest.raises(PanelError, match="were not installed"):
        install.Installer().ensure()
    assert calls == []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *a, **k: True)
    install.Installer().ensure()
    assert calls[0][:2] == ["no-such-package>=3", "-c"]


def test_declined_requirements_are_said(install, needing, monkeypatch):
    from LiverTumorAttentionGui.errors import PanelError

    def decline(*_, **__):
        raise RuntimeError("User declined package installation")

    packaging = SimpleNamespace(load_requirements=list, pip_ensure=decline)
    packaging.load_requirements = lambda path: []
    monkeypatch.setattr(install, "slicer_packaging", lambda: packaging)
    with pytest.raises(PanelError, match="User declined"):
        install.Installer().ensure()


def test_requirements_file_pins_nothing_and_leaves_slicers_own_alone():
    from packaging.requirements import Requirement

    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    names = set()
    for line in lines:
        requirement = Requirement(line)
        names.add(requirement.name.lower())
        assert [spec.operator for spec in requirement.specifier] == [">="], line
    assert not names & {"numpy", "simpleitk", "pillow", "torch"}


def test_requirements_are_the_packages_own():
    """The module asks for what pyproject.toml asks for, less what Slicer and the PyTorch extension bring."""
    import re

    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"\ndependencies = \[(.*?)\n\]", text, re.DOTALL).group(1)
    own = set(re.findall(r'"([^"]+)"', block))
    asked = {line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")}
    left = {item for item in own if not re.match(r"(numpy|SimpleITK|Pillow|torch)\b", item)}
    assert asked == left


def test_importing_the_module_imports_no_torch():
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from Testing.bench import slicer_like\nslicer_like.start()\n"
        "import LiverTumorAttention\n"
        "from LiverTumorAttentionGui.model_collection import installed_models\ninstalled_models()\n"
        "assert 'torch' not in sys.modules and 'safetensors' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_panel_opens_before_the_packages_are_installed():
    """What pip installs on first use, such as scipy, cannot be imported when Slicer loads the module."""
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from Testing.bench import slicer_like\nslicer_like.start()\n"
        "for name in ('scipy', 'torch', 'safetensors', 'rich', 'jinja2', 'highdicom', 'pydicom'):\n"
        "    sys.modules[name] = None\n"
        "import LiverTumorAttention\n"
        "from LiverTumorAttentionGui.panel import SegmentationPanel\n"
        "from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic\n"
        "panel = SegmentationPanel(LiverTumorAttentionLogic())\n"
        "panel.enter(); panel.cleanup()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_packages_of_monai_are_installed_for_its_models_alone(install, monkeypatch, tmp_path):
    path = tmp_path / "monai-requirements.txt"
    path.write_text("no-such-package-of-monai>=1\n")
    monkeypatch.setattr(install, "MONAI_REQUIREMENTS", path)
    installed = []
    packaging = SimpleNamespace(
        load_requirements=lambda name: name.read_text(),
        pip_ensure=lambda text, *, constraints, requester: installed.append(text),
    )
    monkeypatch.setattr(install, "slicer_packaging", lambda: packaging)
    install.Installer().ensure()
    assert installed == []
    install.Installer().ensure_monai()
    assert installed == ["no-such-package-of-monai>=1\n"]
