"""Models are found by name or path, added and removed."""

from __future__ import annotations

import os
import shutil
import signal
import zipfile
from pathlib import Path

import pytest

from LiverTumorAttentionLib.ending import ending_signals
from LiverTumorAttentionLib.errors import Cancelled, ModelError, OutputError
from LiverTumorAttentionLib.models import (
    ModelPackage,
    add_model,
    find_model,
    list_models,
    remove_model,
    survey_models,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from Testing.Library.model_folder import write_model


def test_adding_copies_a_verified_model_and_listing_shows_it(model: Path, user_folder: Path) -> None:
    added = add_model(model)
    assert added.path == user_folder / "random"
    assert "random" in [package.description.id for package in list_models()]
    assert find_model("random").path == added.path
    with pytest.raises(ModelError, match="a model 'random' is installed already"):
        add_model(model)


def test_adding_a_damaged_model_leaves_nothing(model: Path, user_folder: Path) -> None:
    (model / "liver.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="damaged"):
        add_model(model)
    assert not user_folder.exists()


def test_a_zip_cannot_write_outside_of_the_models(tmp_path: Path, user_folder: Path, model: Path) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in model.iterdir():
            packed.write(path, path.name)
        packed.writestr("../escaped.txt", "x")
    with pytest.raises(ModelError, match="which leads out of the model's folder"):
        add_model(archive)
    assert not user_folder.exists()
    assert not (tmp_path / "escaped.txt").exists()


def test_an_unknown_model_names_the_nearest(model: Path) -> None:
    add_model(model)
    with pytest.raises(ModelError, match=r"unknown model 'randum'; did you mean 'random'\?"):
        find_model("randum")


def test_the_bundled_model_is_whole_small_and_says_what_it_is() -> None:
    package = find_model("demonstration")
    package.verify()
    assert package.size_bytes() <= 25e6
    assert "not for clinical use" in package.description.statement.lower()
    assert package.description.licence == "CC-BY-SA-4.0"
    assert package.description.training["runs"]
    assert {"lits", "phantoms"} <= {
        source.title.partition(" ")[0].lower() for source in package.description.sources
    }
    assert package.description.never_seen
    assert package.description.known_failures
    assert package.description.candidates is not None
    assert package.description.scores


def test_of_two_runs_that_add_one_model_the_second_says_so(model: Path, user_folder: Path) -> None:
    """The other run is done while this one still copies; both began when there was none."""
    others: list[Path] = []

    def other_run(event: ProgressEvent) -> None:
        if event.stage == "copying" and not others:
            others.append(user_folder)
            add_model(model)

    with pytest.raises(ModelError, match="a model 'random' is installed already: remove it first"):
        add_model(model, Progress(other_run))
    assert [path.name for path in user_folder.iterdir()] == ["random"]
    assert sorted(path.name for path in (user_folder / "random").iterdir()) == [
        "liver.safetensors",
        "model.json",
        "tumor.safetensors",
    ]


def test_cancelling_while_it_is_copied_leaves_nothing(model: Path, user_folder: Path) -> None:
    stages: list[str] = []

    with pytest.raises(Cancelled):
        add_model(model, Progress(lambda event: stages.append(event.stage), lambda: "copying" in stages))
    assert list(user_folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="signals of this Python")
def test_a_second_signal_while_the_copy_is_taken_back_leaves_nothing(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmtree = shutil.rmtree

    def interrupted(folder: object, *arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        rmtree(folder, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    copying: list[str] = []

    def report(event: ProgressEvent) -> None:
        if event.stage == "copying" and not copying:
            copying.append(event.stage)
            signal.raise_signal(signal.SIGINT)

    with ending_signals() as asked, pytest.raises(KeyboardInterrupt):
        add_model(model, Progress(report, asked))
    assert copying == ["copying"]
    assert list(user_folder.iterdir()) == []


def test_removing_deletes_the_added_model_and_nothing_else(model: Path, user_folder: Path) -> None:
    add_model(model)
    (user_folder / "notes").mkdir()
    (user_folder / "notes" / "mine.txt").write_text("kept", encoding="utf-8")
    assert remove_model("random") == user_folder / "random"
    assert [path.name for path in user_folder.iterdir()] == ["notes"]
    assert (model / "tumor.safetensors").is_file()
    assert "random" not in [package.description.id for package in list_models()]
    add_model(model)


def test_a_damaged_model_is_surveyed_with_the_reason_and_can_be_removed(
    model: Path, user_folder: Path
) -> None:
    add_model(model)
    (user_folder / "random" / "tumor.safetensors").unlink()
    assert [(m.path.name, m.bundled, bool(m.problem)) for m in survey_models()] == [
        ("demonstration", True, False),
        ("random", False, True),
    ]
    assert "no readable file tumor.safetensors" in survey_models()[1].problem
    assert [package.description.id for package in list_models()] == ["demonstration"]
    (user_folder / "random" / "model.json").write_text("{", encoding="utf-8")
    assert "is not valid JSON" in survey_models()[1].problem
    assert [package.description.id for package in list_models()] == ["demonstration"]
    remove_model("random")
    assert list(user_folder.iterdir()) == []


def test_a_model_in_a_folder_of_another_name_is_removed_by_its_id(model: Path, user_folder: Path) -> None:
    shutil.copytree(model, user_folder / "by hand")
    assert remove_model("random") == user_folder / "by hand"
    assert list(user_folder.iterdir()) == []


def test_removing_a_link_leaves_the_folder_that_it_names(model: Path, user_folder: Path) -> None:
    user_folder.mkdir()
    (user_folder / "random").symlink_to(model)
    remove_model("random")
    assert list(user_folder.iterdir()) == []
    ModelPackage(model).verify()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demonstration", "'demonstration' comes with LiverTumorAttention and cannot be removed"),
        ("randum", "no model 'randum' was added; did you mean 'random'"),
        ("notes", "no model 'notes' was added"),
        (".", "no model '.' was added"),
        ("", "no model '' was added"),
        ("../random", "no model '../random' was added"),
        ("../kept", "no model '../kept' was added"),
    ],
)
def test_only_an_added_model_can_be_removed(
    model: Path, user_folder: Path, tmp_path: Path, name: str, message: str
) -> None:
    add_model(model)
    (user_folder / "notes").mkdir()
    write_model(tmp_path / "kept")
    with pytest.raises(ModelError, match=message):
        remove_model(name)
    assert sorted(path.name for path in user_folder.iterdir()) == ["notes", "random"]
    assert find_model("demonstration").path.is_dir()
    ModelPackage(tmp_path / "kept").verify()


def test_a_model_that_cannot_be_moved_stays_whole(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(model)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"the model 'random' cannot be removed .*Permission denied: see"):
        remove_model("random")
    find_model("random").verify()
    assert [path.name for path in user_folder.iterdir()] == ["random"]


def test_a_model_is_out_of_the_list_before_its_files_go(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(model)
    seen: list[int] = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: seen.append(len(survey_models())))
    remove_model("random")
    assert seen == [1]
