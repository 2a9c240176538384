"""Evaluation protocols: each is one registered file and appears in configurations, commands and reports."""
