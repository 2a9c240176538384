"""What views do to the samples of a run."""
