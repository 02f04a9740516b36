"""Bad input: one clear line, exit code 2, and no file left behind."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib import phantoms
from LiverTumorAttentionLib.cli import main
from Testing.dicom_support import unless_highdicom_is_missing
from Testing.Library.model_folder import change_description, write_model


def ct(shape: tuple[int, int, int] = (8, 24, 24)) -> np.ndarray:
    """A block of soft tissue in air: CT as far as its values go."""
    voxels = np.full(shape, -1000, np.int16)
    voxels[1:-1, 4:-4, 4:-4] = 60
    voxels += np.random.default_rng(0).integers(-15, 15, shape, dtype=np.int16)
    return voxels


def write(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = (2.0, 2.0, 5.0)) -> Path:
    image = sitk.GetImageFromArray(voxels)
    if image.GetDimension() == 3:
        image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def write_truncated(path: Path) -> None:
    whole = write(path.with_name("whole.nii.gz"), ct((40, 64, 64)))
    content = gzip.decompress(whole.read_bytes())
    path.write_bytes(gzip.compress(content)[: len(gzip.compress(content)) // 2])
    whole.unlink()


def write_zero_spacing(path: Path) -> None:
    write(path, ct())
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[80:92] = np.array([0, 0, 0], np.float32).tobytes()  # pixdim[1..3]
    path.write_bytes(gzip.compress(bytes(content)))


def write_negative_spacing(path: Path) -> None:
    write(path, ct())
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[88:92] = np.array([-5], np.float32).tobytes()  # pixdim[3]
    path.write_bytes(gzip.compress(bytes(content)))


def with_value(value: float) -> np.ndarray:
    voxels = ct().astype(np.float32)
    voxels[3, 10, 10] = value
    return voxels


BAD_VOLUMES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: None, "does not exist"),
    "empty folder": (lambda p: p.mkdir(), "is an empty folder"),
    "truncated": (write_truncated, "truncated|incomplete|cut off|shorter|damaged"),
    "text": (lambda p: p.write_text("this is not an image"), "not a gzip|not gzip|not a NIfTI|damaged"),
    "2D": (lambda p: write(p, ct()[3]), "2D|2 dimensions|one slice|single slice"),
    "4D": (lambda p: write(p, np.stack([ct(), ct()])), "4D|4 dimensions|2 volumes"),
    "RGB": (
        lambda p: sitk.WriteImage(
            sitk.GetImageFromArray(np.zeros((8, 16, 16, 3), np.uint8) + 9, isVector=True), str(p)
        ),
        "color|RGB|values a voxel|components",
    ),
    "NaN": (lambda p: write(p, with_value(np.nan)), "NaN"),
    "infinite": (lambda p: write(p, with_value(np.inf)), "finite"),
    "constant": (lambda p: write(p, np.full((8, 24, 24), 40, np.int16)), "all voxels .* have the value 40"),
    "MR 0-255": (
        lambda p: write(p, np.random.default_rng(1).integers(0, 256, (8, 24, 24)).astype(np.uint8)),
        "Hounsfield|HU",
    ),
    "zero spacing": (write_zero_spacing, "spacing"),
    "negative spacing": (write_negative_spacing, "spacing"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "random")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str], str]:
    """Run a command; return its code, the lines on stderr and what it printed on stdout."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.err.splitlines(), printed.out


def outputs(place: Path) -> list[object]:
    return [
        *("--output", place / "o.seg.nrrd", "--table", place / "t.csv", "--report", place / "r.json"),
        *("--preview", place / "p.png", "--save-probability", place / "q.nii.gz", "--progress", "none"),
    ]


def assert_one_clear_line(code: int, lines: list[str], place: Path) -> None:
    assert code == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in lines[0]
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("which", ["portal", "arterial"])
@pytest.mark.parametrize("kind", BAD_VOLUMES)
def test_a_bad_volume(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path, kind: str, which: str
) -> None:
    make, message = BAD_VOLUMES[kind]
    bad = tmp_path / ("folder" if kind == "empty folder" else "bad.nii.gz")
    make(bad)
    good = write(tmp_path / "good.nii.gz", ct())
    portal, arterial = (bad, good) if which == "portal" else (good, bad)
    code, lines, _ = run(
        capsys, "segment", "--portal", portal, "--arterial", arterial, "--model", model, *outputs(place)
    )
    assert_one_clear_line(code, lines, place)
    assert which in lines[0]

    assert re.search(message, lines[0]), lines[0]


@pytest.mark.parametrize("which", ["--fixed", "--moving"])
def test_register_refuses_as_segment_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path, which: str
) -> None:
    good = write(tmp_path / "good.nii.gz", ct())
    paths = {"--fixed": good, "--moving": good, which: tmp_path / "none.nii.gz"}
    given = [part for pair in paths.items() for part in pair]
    code, lines, _ = run(
        capsys, "register", *given, "--model", model, "--output", place / "o.nii.gz", "--progress", "none"
    )
    assert_one_clear_line(code, lines, place)
    assert "does not exist" in lines[0]


def test_the_arterial_volume_of_the_case_has_no_liver(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path
) -> None:
    good = write(tmp_path / "good.nii.gz", ct())
    code, lines, _ = run(capsys, "segment", "--portal", good, "--model", model, *outputs(place))
    assert_one_clear_line(code, lines, place)
    assert "no liver was found in the portal volume" in lines[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "demonstratoin"], "unknown model 'demonstratoin'; did you mean 'demonstration'"),
        (["--model", "/nowhere/model.zip"], "unknown model"),
        (["--device", "cuda:77"], "the device 'cuda:77' is not there"),
        (["--device", "quantum"], "unknown device 'quantum'"),
        (["--minimum-diameter", "-4"], "must lie between 0 and 200 mm, got -4"),
        (["--threshold", "1.5"], "must lie between 0 and 1, got 1.5"),
        (["--seed", "-1"], "seed must not be negative, got -1"),
        (["--save-registered", "{out}/reg.nii.gz"], "no arterial volume was given"),
        (["--output", "{out}/missing/o.seg.nrrd"], "missing.*does not exist"),
        (["--output", "{out}/o.xyz"], r"ends in '\.xyz'"),
        (
            ["--output", "{out}/o.dcm"],
            unless_highdicom_is_missing(
                "a DICOM SEG needs the DICOM folder of the portal volume", "DICOM SEG"
            ),
        ),
        (["--output", "{out}"], "is a folder|has no suffix"),
        (["--table", "{out}/t.xlsx"], r"ends in '\.xlsx'"),
        (["--table", "{out}/r.json", "--report", "{out}/r.json"], "two results would be written to"),
        (["--model", "{tmp}/damaged"], "damaged or was changed"),
        (["--model", "{tmp}/unknown-key"], "unknown key 'colour'"),
    ],
)
def test_bad_options(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    place: Path,
    model: Path,
    options: list[str],
    message: str,
) -> None:
    for name in ("damaged", "unknown-key"):
        shutil.copytree(model, tmp_path / name)
    (tmp_path / "damaged" / "liver.safetensors").write_bytes(b"\0" * 100)
    change_description(tmp_path / "unknown-key", lambda values: values.update(colour="red"))
    good = write(tmp_path / "good.nii.gz", ct())
    filled = [option.format(out=place, tmp=tmp_path) for option in options]
    code, lines, _ = run(capsys, "segment", "--portal", good, "--model", model, *outputs(place), *filled)
    assert_one_clear_line(code, lines, place)

    assert re.search(message, lines[0]), lines[0]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path
) -> None:
    good = write(tmp_path / "good.nii.gz", ct())
    place.chmod(0o500)
    code, lines, _ = run(capsys, "segment", "--portal", good, "--model", model, *outputs(place))
    place.chmod(0o700)
    assert_one_clear_line(code, lines, place)
    assert "cannot be written" in lines[0]


def test_errors_are_events_for_a_program_that_reads_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path
) -> None:
    code, lines, printed = run(
        capsys,
        *("segment", "--portal", tmp_path / "none.nii.gz", "--model", model, "--output", place / "o.nii.gz"),
        *("--progress", "json"),
    )
    assert_one_clear_line(code, lines, place)
    events = [json.loads(line) for line in printed.splitlines()]
    assert events[-1]["event"] == "error"
    assert events[-1]["kind"] == "InputError"
    assert lines[0] == f"error: {events[-1]['message']}"


def test_an_existing_result_survives_a_run_that_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, model: Path
) -> None:
    kept = place / "o.seg.nrrd"
    kept.write_text("the result of yesterday")
    code, _, _ = run(
        capsys,
        *("segment", "--portal", tmp_path / "none.nii.gz", "--model", model, "--output", kept),
        *("--progress", "none"),
    )
    assert code == 2
    assert kept.read_text() == "the result of yesterday"
    assert list(place.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["phantom", "--seed", "-1"], "seed"),
        (["phantom", "--seed", "1", "--lesions", "9"], "lesions"),
        (["phantom", "--seed", "1", "--thickness", "12"], "thickness"),
        (["evaluate", "--prediction", "{tmp}/a.nii.gz", "--truth", "{tmp}/none.nii.gz"], "does not exist"),
        (
            ["evaluate", "--prediction", "{tmp}/a.nii.gz", "--truth", "{tmp}/b.nii.gz"],
            "not lie on the same grid",
        ),
        (
            ["evaluate", "--prediction", "{tmp}/a.nii.gz", "--truth", "{tmp}/a.nii.gz", "--label", "liver"],
            "NAME=VALUE|name=value|liver",
        ),
        (["models", "show", "nothing"], "unknown model 'nothing'"),
        (["models", "add", "{tmp}/a.nii.gz"], "neither a model folder nor a zip"),
    ],
)
def test_the_other_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: Path, arguments: list[str], message: str
) -> None:
    write(tmp_path / "a.nii.gz", np.zeros((4, 8, 8), np.uint8))
    write(tmp_path / "b.nii.gz", np.zeros((5, 8, 8), np.uint8))
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    if arguments[0] == "phantom":
        filled += ["--output", str(place / "phantom"), "--size", "small", "--progress", "none"]
    code, lines, _ = run(capsys, *filled)
    assert_one_clear_line(code, lines, place)

    assert re.search(message, lines[0]), lines[0]


@pytest.mark.parametrize(
    "command", [[], ["segment"], ["register"], ["models"], ["networks"], ["phantom"], ["evaluate"], ["demo"]]
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    program = (
        "import sys\nfrom LiverTumorAttentionLib.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(sorted({'torch', 'SimpleITK', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "usage: liver-tumor-attention" in done.stdout


@pytest.mark.parametrize("style", ["json", "none"])
def test_names_that_the_terminal_cannot_encode(tmp_path: Path, style: str) -> None:
    program = (
        "import sys\n"
        "from LiverTumorAttentionLib.commands.console import Console\n"
        "console = Console(sys.argv[1])\n"
        "console.say(sys.argv[2]); console.warn(sys.argv[2]); console.done(output=sys.argv[2])\n"
        "console.error(ValueError(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, style, "\u809d.nii.gz"],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert (done.returncode, b"\\u809d.nii.gz" in done.stdout) == (0, True)
    if style == "json":
        assert json.loads(done.stdout.splitlines()[1])["output"] == "\u809d.nii.gz"


@pytest.mark.parametrize("output", ["{place}/file/case", "", "{place}/file"])
def test_a_phantom_that_cannot_be_written_is_not_generated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output: str
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(phantoms, "generate_phantom", lambda *_, **__: pytest.fail("it was generated"))
    code, lines, _ = run(
        capsys, "phantom", "--seed", "1", "--progress", "none", "--output", output.format(place=tmp_path)
    )
    assert code == 2
    assert re.search(
        "is a file, so the phantom cannot be put in it|an empty value was given after '--output'"
        "|is a file: name a folder",
        lines[0],
    )


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    """As with `| head -1`: more is printed than a pipe holds, and nobody reads it."""
    code = (
        "import sys; from LiverTumorAttentionLib import cli; from LiverTumorAttentionLib.commands import models;\n"
        "def much(options, progress, console):\n"
        "    for _ in range(100000): print('a line that nobody reads')\n"
        "cli.models.run_list = much\n"
        "sys.exit(cli.main(['models', 'list']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "a line that nobody reads\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) == 1


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
def test_results_stay_on_stdout_while_a_bar_is_drawn_on_the_terminal() -> None:
    code = (
        "from LiverTumorAttentionLib.commands.console import Console\n"
        "console = Console('bar')\n"
        "with console.shown(lambda: False) as progress:\n"
        "    progress.update(0.5, 'half')\n"
        "    console.say('the result')\n"
        "    console.warn('a warning')\n"
    )
    terminal, end = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=end, text=True, env=environment
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # raised on Linux when the other end is closed
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, "the result\n")
    assert b"warning: a warning" in shown
    assert b"the result" not in shown
