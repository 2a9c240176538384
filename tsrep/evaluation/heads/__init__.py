"""Heads: from the representations of an encoder to class probabilities and decisions."""
