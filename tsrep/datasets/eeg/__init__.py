"""Electroencephalography data sets, and what their readers share."""
