"""Figures, drawn from numbers."""
