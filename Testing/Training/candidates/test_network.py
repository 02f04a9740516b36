"""The network of the second look: its patches, its samples, its training, and the model that it becomes part of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from training.candidates.network_file import predictor_of, write_network
from training.candidates.network_task import CandidateNetworkTask
from training.candidates.patch_samples import PatchAugmentation, PatchSamples
from training.candidates.patches import STORED, CasePatches, read_patches
from training.loop.trainer import Trainer

PLAIN = PatchAugmentation(noise=0.0, level=0.0, contrast=(1.0, 1.0), without_arterial=0.0, shift=0.0)


def write_case(folder: Path, name: str, lesion: tuple[bool, ...], source: str = "phantom") -> Path:
    """Write patches whose portal phase is dark in the middle of lesions and bright in that of others."""
    patches = np.zeros((len(lesion), 7, STORED, STORED, STORED), np.float16)
    patches[:, 2] = 1.0
    middle = slice(STORED // 2 - 4, STORED // 2 + 4)
    for number, true in enumerate(lesion):
        patches[number, 0, middle, middle, middle] = -1.0 if true else 1.0
        patches[number, 3:5, middle, middle, middle] = 1.0
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{name}.npy", patches)
    about = {"case": name, "source": source, "lesion": lesion}
    (folder / f"{name}.json").write_text(json.dumps(about), encoding="utf-8")
    return folder / f"{name}.json"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write_case(tmp_path / "cases", "a", (True, False, False)),
        write_case(tmp_path / "cases", "b", (False,) * 4),
        write_case(tmp_path / "cases", "c", (True, True), "implanted"),
    ]


def test_a_sample_is_a_function_of_its_number(files: list[Path]) -> None:
    samples = PatchSamples(files, PatchAugmentation(), 3, 100)
    again = PatchSamples(files, PatchAugmentation(), 3, 100)
    first = [samples(number) for number in range(6)]
    for number in (5, 0, 2):
        np.testing.assert_array_equal(again(number).inputs[0], first[number].inputs[0])
    assert first[0].inputs[0].shape == (7, 32, 32, 32)
    assert first[0].inputs[0].dtype == np.float32
    other = PatchSamples(files, PatchAugmentation(), 4, 100)
    assert not np.array_equal(other(0).inputs[0], first[0].inputs[0])


def test_lesions_come_as_often_as_asked_for_and_sources_equally_often(files: list[Path]) -> None:
    samples = PatchSamples(files, PatchAugmentation(lesion_share=0.6), 0, 100)
    assert samples.counts == {"implanted lesion": 2, "phantom lesion": 1, "phantom other": 6}
    drawn = [samples(number) for number in range(60)]
    lesions = [sample for sample in drawn if sample.truth == 1]
    assert 26 <= len(lesions) <= 46
    assert 8 <= sum(sample.case == "c" for sample in lesions) <= len(lesions) - 8
    assert all(sample.case != "c" for sample in drawn if sample.truth == 0)


def test_what_is_changed_of_a_patch(files: list[Path]) -> None:
    samples = PatchSamples(files, PLAIN, 0, 100)
    for number in range(8):
        sample = samples(number)
        portal, imaged = sample.inputs[0][0], sample.inputs[0][2]
        assert portal[16, 16, 16] == pytest.approx(-1.0 if sample.truth else 1.0, abs=1e-3)
        np.testing.assert_allclose(imaged, 1.0, atol=1e-5)
        assert abs(sample.inputs[0][6, 0, 0, 0]) <= np.log2(1.25) + 1e-6  # its step, scaled
    without = PatchSamples(files, PatchAugmentation(without_arterial=1.0), 0, 100)(0).inputs[0]
    assert not without[1:3].any()
    assert without[0].any()


def test_patches_without_a_lesion_or_damaged_ones_are_refused(files: list[Path]) -> None:
    with pytest.raises(InputError, match="none of the candidates is a lesion: give more cases"):
        PatchSamples([files[1]], PLAIN, 0, 100)
    with pytest.raises(InputError, match="none of the candidates is no lesion: give more cases"):
        PatchSamples([files[2]], PLAIN, 0, 100)
    assert read_patches(files[0])[0] == CasePatches(case="a", source="phantom", lesion=(True, False, False))
    arrays = files[0].with_suffix(".npy")
    arrays.write_bytes(files[1].with_suffix(".npy").read_bytes())
    with pytest.raises(InputError, match=r"tells of 3 patches and there are 4: remove both files"):
        read_patches(files[0])
    arrays.write_bytes(b"no array")
    with pytest.raises(InputError, match="cannot be read"):
        read_patches(files[0])


def task(files: list[Path]) -> CandidateNetworkTask:
    return CandidateNetworkTask(files, {"model": "m"}, epochs=2, steps_an_epoch=3, width=4, batch=8)


def test_the_loss_is_less_the_surer_the_network_is_of_the_truth(files: list[Path]) -> None:
    truth = torch.tensor([1, 0], dtype=torch.uint8)
    losses = [float(task(files).loss(torch.tensor([logit, -logit]), truth)) for logit in (-2.0, 0.0, 2.0)]
    assert losses[0] > losses[1] > losses[2] > 0
    assert losses[1] == pytest.approx(np.log(2))


def test_a_stopped_training_goes_on_bit_for_bit(files: list[Path], tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert Trainer(tmp_path / "whole", task(files), say=lambda line: None).run()
        assert not Trainer(tmp_path / "stopped", task(files), say=lambda line: None).run(stop_at=4)
        assert Trainer(tmp_path / "stopped", task(files), say=lambda line: None).run()
    finally:
        torch.set_num_threads(threads)
    described = [write_network([tmp_path / name], tmp_path / name) for name in ("whole", "stopped")]
    assert described[0] == described[1]
    assert (described[0].network, described[0].arguments) == ("candidate_net", {"width": 4})
    _, patches = read_patches(files[0])
    inner = slice(8, -8)
    predictor = predictor_of(tmp_path / "whole", described[0])
    assert predictor([patch[:, inner, inner, inner].astype(np.float32) for patch in patches]).shape == (3,)


def test_networks_of_several_seeds_become_one(files: list[Path], tmp_path: Path) -> None:
    patch = np.random.default_rng(0).standard_normal((7, 32, 32, 32)).astype(np.float32)
    logits = []
    for seed in (0, 1):
        of_seed = CandidateNetworkTask(
            files, {"model": "m"}, epochs=1, seed=seed, steps_an_epoch=2, width=4, batch=8
        )
        Trainer(tmp_path / f"run-{seed}", of_seed, say=lambda line: None).run()
        (tmp_path / f"alone-{seed}").mkdir()
        described = write_network([tmp_path / f"run-{seed}"], tmp_path / f"alone-{seed}")
        logits.append(predictor_of(tmp_path / f"alone-{seed}", described)([patch])[0])
    both = write_network([tmp_path / "run-0", tmp_path / "run-1"], tmp_path)
    assert (both.network, both.arguments) == ("candidate_ensemble", {"members": 2, "width": 4})
    assert logits[0] != logits[1]
    assert predictor_of(tmp_path, both)([patch])[0] == pytest.approx(np.mean(logits), abs=1e-6)


def test_weights_that_are_not_those_that_are_told_are_refused(files: list[Path], tmp_path: Path) -> None:
    Trainer(tmp_path / "run", task(files), say=lambda line: None).run()
    described = write_network([tmp_path / "run"], tmp_path)
    path = tmp_path / described.weights
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"is not what candidates\.json asks for"):
        predictor_of(tmp_path, described)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        predictor_of(tmp_path, described)
