"""Audit of an encoder: what it knows of people besides what it is scored for."""
