"""The training loop: loading, optimisation, checkpoints, validation and logs."""
