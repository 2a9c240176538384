"""Simulated recordings and series."""
