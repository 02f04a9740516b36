"""Models that somebody made to do harm: nothing is unpacked, read or built beyond what a model needs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models import ModelPackage, add_model, find_model
from LiverTumorAttentionLib.models.model_files import FREE_OF_RATIO_BYTES, LARGEST_TEXT_BYTES
from Testing.Library.model_folder import change_description

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")


def zipped(model: Path, archive: Path) -> Path:
    return Path(shutil.make_archive(str(archive.with_suffix("")), "zip", model))


def test_a_description_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
        packed.open("model.json", "w") as member,
    ):
        for _ in range(LARGEST_TEXT_BYTES // 2**20 + 1):
            member.write(b" " * 2**20)
    with pytest.raises(
        ModelError, match=r"model\.json in .* cannot be used \(it has 5\.0 MiB, and at most 4 MiB"
    ):
        ModelPackage(archive)


def test_weights_that_no_weights_shrink_to_are_not_unpacked(model: Path, tmp_path: Path) -> None:
    size = FREE_OF_RATIO_BYTES + 1
    (model / "tumor.safetensors").write_bytes(bytes(size))
    digest = hashlib.sha256(bytes(size)).hexdigest()
    change_description(model, lambda values: values["stages"][1].update(sha256=digest))
    package = ModelPackage(zipped(model, tmp_path / "z.zip"))
    with pytest.raises(ModelError, match=r"tumor\.safetensors in .* would unpack from 0\.0 to 16 MiB"):
        package.verify()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../escaped", "leads out of the model's folder"),
        ("/etc/escaped", "leads out of the model's folder"),
        ("..\\escaped", "leads out of the model's folder"),
        ("C:escaped", "leads out of the model's folder"),
        ("model.json", "two files of one name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_with_names_of_harm(model: Path, tmp_path: Path, name: str, message: str) -> None:
    archive = zipped(model, tmp_path / "z.zip")
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr(name, "x")
    with pytest.raises(ModelError, match=message):
        ModelPackage(archive)


def test_a_link_in_a_zip(model: Path, tmp_path: Path) -> None:
    archive = zipped(model, tmp_path / "z.zip")
    with zipfile.ZipFile(archive, "a") as packed:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="'link', a link or a device"):
        ModelPackage(archive)


def test_a_zip_of_many_files(model: Path, tmp_path: Path) -> None:
    archive = zipped(model, tmp_path / "z.zip")
    with zipfile.ZipFile(archive, "a") as packed:
        for number in range(1000):
            packed.writestr(f"{number}", "")
    with pytest.raises(ModelError, match="more files than a model has"):
        ModelPackage(archive)


def test_a_method_of_packing_that_takes_memory(model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "z.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as packed:
        packed.write(model / "model.json", "model.json")
    with pytest.raises(ModelError, match="packed in a way that is not read"):
        ModelPackage(archive)


def directory_cut(content: bytes) -> bytes:
    at = content.rfind(b"PK\5\6")
    return content[: at + 12] + struct.pack("<I", 7) + content[at + 16 :]


def name_broken(content: bytes) -> bytes:
    """The name of the first file in the list is said to be UTF-8, and is none."""
    at = content.find(b"PK\1\2")
    flags = struct.pack("<H", 0x800)
    return content[: at + 8] + flags + content[at + 10 : at + 46] + b"\xff" + content[at + 47 :]


@pytest.mark.parametrize("damage", [directory_cut, name_broken])
def test_a_broken_list_of_files(model: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    archive = zipped(model, tmp_path / "z.zip")
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ModelError, match=r"has no readable list of files \(.+\): get the whole model again"):
        ModelPackage(archive)


@pipes
@pytest.mark.parametrize("name", ["model.json", "liver.safetensors"])
def test_a_pipe_is_not_waited_for(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(ModelError, match="it is a pipe or a device, not a file"):
        ModelPackage(model).verify()


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="a system without /dev/zero")
@pytest.mark.parametrize("name", ["model.json", "liver.safetensors"])
def test_a_device_is_not_read(model: Path, name: str) -> None:
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="it is a pipe or a device, not a file"):
        ModelPackage(model).verify()


def set_weights(model: Path, content: bytes) -> ModelPackage:
    (model / "liver.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change_description(model, lambda values: values["stages"][0].update(sha256=digest))
    return ModelPackage(model)


def safetensors_file(header: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        safetensors_file({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, bytes(64)),
        safetensors_file({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 0]}}),
        safetensors_file(
            {n: {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]} for n in "ab"}, bytes(32)
        ),
        safetensors_file({"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        b"",
    ],
    ids=["header of a TiB", "header of 8 EiB", "tensor of 4 TiB", "overflow", "overlap", "kind", "empty"],
)
def test_weights_that_claim_what_is_not_there(model: Path, content: bytes) -> None:
    package = set_weights(model, content)
    with pytest.raises(ModelError, match=r"liver\.safetensors is not a safetensors file"):
        package.load_weights(package.description.stages[0])


def test_a_network_larger_than_its_weights_is_not_built(model: Path) -> None:
    from LiverTumorAttentionLib.inference import LiverStage, choose_device

    change_description(model, lambda values: values["stages"][0]["arguments"].update(width=2000))
    with pytest.raises(ModelError, match=r"'resseg' with .*width=2000.* has more than [0-9,]+ parameters"):
        LiverStage.of(ModelPackage(model), choose_device("cpu"))


def set_stage(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][0].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_stage(weights="a\0.safetensors"), "no text|must be the name of a .safetensors file"),
        (set_stage(weights="\ud800.safetensors"), "holds a character that is no text"),
        (set_stage(weights="n" * 300 + ".safetensors"), "at most 100"),
        (set_stage(weights="../liver.safetensors"), "must be the name of a .safetensors file"),
        (lambda d: d.update(id="n" * 300), "id must be .* at most 100 of them"),
        (set_stage(slices={"neighbours": 1, "tile": [10**6, 64], "overlap": 0.2}), "tile must be 32 to 2048"),
        (set_stage(slices={"neighbours": 10**6, "tile": [64, 64], "overlap": 0.2}), "between 0 and 32"),
        (set_stage(slices={"neighbours": 1, "tile": [64, 64], "overlap": 0.999}), "between 0 and 0.95"),
        (set_stage(grid={"in_plane_spacing_mm": 1e-9}), "in_plane_spacing_mm must be at least 0.2"),
        (
            set_stage(grid={"slice_spacing_range_mm": [1e-9, 1]}),
            "slice_spacing_range_mm must be at least 0.2",
        ),
        (set_stage(box_margin_mm=1e9), "box_margin_mm must lie between 0 and 500"),
        (set_stage(slices=None, patches={"patch": [10**4, 10**4, 10**4]}), "patch must hold at most"),
    ],
)
def test_values_that_ask_for_too_much(
    model: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    change_description(model, change)
    with pytest.raises(ModelError, match=message):
        ModelPackage(model)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("~nobody-of-that-name/model", "begins with the home of a user who is not known here"),
        ("n" * 5000, "unknown model"),
        ("a\0b", "unknown model"),
    ],
)
def test_names_that_lead_nowhere(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as told:
        find_model(name)
    assert len(str(told.value)) < 400


def test_a_model_is_added_in_pieces(model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("LiverTumorAttentionLib.models.model_files._CHUNK_BYTES", 1000)
    add_model(model)
    for path in model.iterdir():
        assert (user_folder / "random" / path.name).read_bytes() == path.read_bytes()
