"""Stand-in for fairseq-signals."""
