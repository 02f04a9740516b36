"""Hard negatives: what a trained stage takes for a tumor in the training cases, to be sampled more often."""
