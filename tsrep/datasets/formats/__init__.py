"""File formats of the user's own recordings: WFDB, Zarr, NumPy arrays, UCR and UEA archives."""
