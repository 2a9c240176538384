"""Stand-in for the benchmark of ECG-CPC."""
