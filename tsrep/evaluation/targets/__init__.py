"""Numbers that are predicted: their errors, and what protocols on them score."""
