"""Runs: one validated configuration in, one folder out."""
