"""The training loop: loading, optimization, checkpoints, validation and logs."""
