"""The trained network of the second look as a file beside candidates.json."""

from __future__ import annotations

import hashlib
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


def write_network(run: Path, folder: Path) -> CandidateNetworkDescription:
    """Write the weights of a run, in float16, into a folder; return what `model.json` says of them.

    Raises `InputError` where the run has none, `OutputError`.
    """
    weights, _ = read_weights(run / BEST)
    settings = read_run_file(run)
    network, arguments = settings["network"], dict(settings["arguments"])
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
