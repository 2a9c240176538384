"""Electrocardiography data sets."""
