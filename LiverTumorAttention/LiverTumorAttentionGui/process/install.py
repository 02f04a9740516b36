"""Installation of the Python packages of the child process: on first use, never at import."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Protocol

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _

REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
MONAI_REQUIREMENTS = REQUIREMENTS.with_name("monai-requirements.txt")
REQUESTER = "Liver Tumor Attention"
TORCH_REQUIREMENT = ">=2.3"
# Shipped with Slicer, or by the PyTorch extension; another version of one of these breaks Slicer or other extensions.
PROTECTED = (
    "numpy",
    "scipy",
    "SimpleITK",
    "Pillow",
    "pydicom",
    "dicomweb-client",
    "highdicom",
    "vtk",
    "requests",
    "cryptography",
    "cffi",
    "torch",
    "torchvision",
)


class PackageInstaller(Protocol):
    """What the panel needs of `Installer`; both raise `PanelError`."""

    def ensure(self) -> None: ...

    def ensure_requirements(self) -> None: ...


class Installer:
    """Installs the packages of the child process, after the user has confirmed the download."""

    def ensure(self) -> None:
        """Install what is missing. Raises `PanelError` when the user declines or it cannot be done."""
        with _protected_versions() as constraints:
            self._ensure_torch()
            self._ensure_requirements(constraints)

    def ensure_requirements(self) -> None:
        """Install what is missing except torch, which generating the sample case does not need. Raises `PanelError`."""
        with _protected_versions() as constraints:
            self._ensure_requirements(constraints)

    def ensure_monai(self) -> None:
        """Install what models need that were made with MONAI. Raises `PanelError` as `ensure` does."""
        with _protected_versions() as constraints:
            self._ensure_torch()
            self._ensure_requirements(constraints)
            self._ensure_requirements(constraints, MONAI_REQUIREMENTS)

    def _ensure_torch(self) -> None:
        """Install torch through the PyTorch extension, which selects the build for the graphics driver."""
        importlib.invalidate_caches()
        if importlib.util.find_spec("torch") is not None:
            return
        try:
            import PyTorchUtils
        except ImportError as error:
            raise PanelError(
                _(
                    "PyTorch is not installed: install the extension PyTorch from the Extensions Manager, "
                    "restart Slicer and press Segment tumors again."
                )
            ) from error
        try:
            torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(
                askConfirmation=True, torchVersionRequirement=TORCH_REQUIREMENT
            )
        except Exception as error:  # pip, light-the-torch and the network fail in many ways
            raise PanelError(_not_installed("PyTorch", error)) from error
        if torch is None:
            raise PanelError(
                _("PyTorch was not installed, so nothing was computed: press the button again, and confirm.")
            )

    def _ensure_requirements(self, constraints: Path, requirements: Path | None = None) -> None:
        requirements = requirements or REQUIREMENTS
        if not _missing(requirements):
            return
        try:
            packaging = slicer_packaging()
            if packaging is not None:
                packaging.pip_ensure(
                    packaging.load_requirements(requirements), constraints=constraints, requester=REQUESTER
                )
            else:
                _install_with_slicer_util(_missing(requirements), constraints)
        except PanelError:
            raise
        except Exception as error:  # declined, or pip or the network failed
            raise PanelError(_not_installed(_("The Python packages"), error)) from error


def slicer_packaging() -> ModuleType | None:
    """Return Slicer's packaging module; None before Slicer 5.11."""
    try:
        return importlib.import_module("slicer.packaging")
    except ImportError:
        return None


def _install_with_slicer_util(missing: list[str], constraints: Path) -> None:
    """Install on Slicer 5.10, after the user has confirmed."""
    question = _("{requester} needs these Python packages: {names}. Install them now?").format(
        requester=REQUESTER, names=", ".join(missing)
    )
    if not slicer.util.confirmOkCancelDisplay(question, windowTitle=REQUESTER):
        raise PanelError(
            _(
                "The Python packages were not installed, so nothing was computed"
                ": press the button again, and confirm."
            )
        )
    slicer.util.pip_install([*missing, "-c", str(constraints)])


def _missing(path: Path) -> list[str]:
    """Return the lines of a requirements file that this Python does not satisfy."""
    from packaging.requirements import Requirement

    missing = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        requirement = Requirement(text)
        installed = _version(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            missing.append(text)
    return missing


@contextlib.contextmanager
def _protected_versions() -> Iterator[Path]:
    """Constrain pip, however it is called, to the installed versions of `PROTECTED`; yield the constraints file.

    One that is too old for this module is left to pip, which could install nothing otherwise. Constraints that the
    environment has already stay in force. pip takes several, separated by spaces, and so this file goes as an address:
    a folder for temporary files may have a space in its name.
    """
    from packaging.requirements import Requirement

    before = os.environ.get("PIP_CONSTRAINT")
    with tempfile.TemporaryDirectory(prefix="LiverTumorAttention-") as folder:
        path = Path(folder) / "constraints.txt"
        too_old = {Requirement(line).name for line in _missing(REQUIREMENTS)}
        kept = [name for name in PROTECTED if _version(name) is not None and name not in too_old]
        lines = [f"{name}=={_version(name)}\n" for name in kept]
        path.write_text("".join(lines), encoding="utf-8")
        os.environ["PIP_CONSTRAINT"] = " ".join(filter(None, (before, path.resolve().as_uri())))
        try:
            yield path
        finally:
            if before is None:
                os.environ.pop("PIP_CONSTRAINT", None)
            else:
                os.environ["PIP_CONSTRAINT"] = before


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _not_installed(what: str, error: Exception) -> str:
    return _(
        "{what} could not be installed ({error}): check the internet connection, see "
        "Slicer's error log, and try again."
    ).format(what=what, error=error)
