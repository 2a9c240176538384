"""Encoders by data sets by fractions of labels, each beside random initialisations of its architecture."""
