"""Figures, made from numbers."""
