"""Stand-in for mantis-tsfm."""
