"""Formats of tables of predictions."""
