"""Recordings one by one, without labels, from files of any format that the data sets read."""
