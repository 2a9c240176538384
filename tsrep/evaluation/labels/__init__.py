"""Scores of labelled recordings."""
