"""Series in time: published forecasting benchmarks and the user's own files."""
