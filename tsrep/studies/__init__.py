"""Studies: a configuration with ranges in place of leaves, searched by Optuna and read as a report."""
