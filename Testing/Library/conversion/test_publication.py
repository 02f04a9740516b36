"""A model added from a file of the catalogue says who published it, under which licence, and made from what."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from LiverTumorAttentionLib.conversion import add_any_model
from LiverTumorAttentionLib.models import public_models
from LiverTumorAttentionLib.models.public_models import published_as
from Testing.Library.nnunet_folders import DATA_SET, data_set, write_training


def listed(monkeypatch: pytest.MonkeyPatch, place: Path, **checksums: str) -> None:
    """Have the catalogue list one model with these checksums."""
    entry = {
        "id": "published",
        "title": "Liver of many",
        "publisher": "A Hospital",
        "page": "https://example.org/page",
        "address": "https://example.org/file.zip",
        "made_with": "nnU-Net v2",
        "finds": ["liver", "tumor"],
        "licence": "CC-BY-4.0",
        "trained_on": "131 portal venous CTs",
        "cite": "https://example.org/paper",
        "checksums": checksums,
        "facts_from": "its page",
    }
    place.write_text(json.dumps({"models": [entry]}), encoding="utf-8")
    monkeypatch.setattr(public_models, "CATALOGUE_FILE", place)


def test_a_model_of_the_catalogue_says_where_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_training(tmp_path / "given", described=data_set(reference=""))
    file = Path(shutil.make_archive(str(tmp_path / "model"), "zip", tmp_path / "given", DATA_SET))
    content = file.read_bytes()
    digests = {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha256")}
    listed(monkeypatch, tmp_path / "catalogue.json", **digests)
    model = add_any_model(file).description
    assert model.licence == "CC-BY-4.0"
    assert model.training["published"]["by"] == "A Hospital"
    assert model.training["published"]["trained_on"] == "131 portal venous CTs"
    assert model.training["trainer"] == "nnUNetTrainer"
    assert model.sources[0].licence == "CC-BY-SA 4.0"  # of the training data, by the model's own files
    assert model.sources[0].attribution == "https://example.org/paper"
    assert "Published by A Hospital as Liver of many." in model.intended_use


def test_another_file_says_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"weights")
    own, other = (hashlib.sha1(text).hexdigest() for text in (b"weights", b"others"))
    listed(monkeypatch, tmp_path / "1.json", sha1=other)
    assert published_as(file) is None
    listed(monkeypatch, tmp_path / "2.json", sha1=own, md5="0" * 32)  # both have to be its own
    assert published_as(file) is None
    listed(monkeypatch, tmp_path / "3.json", sha1=own)
    assert published_as(file) is not None
    assert published_as(tmp_path) is None  # a folder has no checksum
    listed(monkeypatch, tmp_path / "4.json")
    assert published_as(file) is None
