"""The trained network of the second look, or several of them as one, as a file beside candidates.json."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.candidate_predictor import CandidatePredictor
from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from training.runs.checkpoint import BEST, read_weights
from training.runs.run_folder import read_run_file
from training.runs.weights_content import weights_content

WEIGHTS_FILE = "candidates.safetensors"


def write_network(runs: Sequence[Path], folder: Path) -> CandidateNetworkDescription:
    """Write the weights of one run, or of several as an ensemble, in float16; return what `model.json` says of them.

    runs: of the same network and arguments, each of another seed.
    Raises `InputError` where a run has none, `OutputError`.
    """
    settings = read_run_file(runs[0])
    network, arguments = settings["network"], dict(settings["arguments"])
    weights, _ = read_weights(runs[0] / BEST)
    if len(runs) > 1:
        network, arguments = "candidate_ensemble", {"members": len(runs), **arguments}
        weights = {
            f"members.{number}.{name}": value
            for number, run in enumerate(runs)
            for name, value in read_weights(run / BEST)[0].items()
        }
    content = weights_content(network, arguments, weights, "the second look", half=True)
    with replacing(folder / WEIGHTS_FILE, name="weights") as temporary:
        temporary.write_bytes(content)
    return CandidateNetworkDescription(
        network=network,
        arguments=arguments,
        weights=WEIGHTS_FILE,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def network_content(folder: Path, network: CandidateNetworkDescription) -> bytes:
    """Return the file of weights beside candidates.json. Raises `InputError` where it is not that of `network`."""
    path = folder / network.weights
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}), and candidates.json asks for it: give the folder that "
            "`candidates` wrote"
        ) from error
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise InputError(f"{path} is not what candidates.json asks for: run `candidates` again")
    return content


def predictor_of(folder: Path, network: CandidateNetworkDescription) -> CandidatePredictor:
    """Return the network of a folder, as a model would run it. Raises `InputError` as above, `ModelError`."""
    content = network_content(folder, network)
    weights = {
        name: value.float() if value.is_floating_point() else value
        for name, value in safetensors.torch.load(content).items()
    }
    return CandidatePredictor(
        weighted_network(
            network.network,
            network.arguments,
            weights,
            weights_bytes=len(content),
            misfit=f"{network.weights} does not fit the network {network.network!r}: train it again",
        )
    )
