"""Studies: a configuration with ranges in place of leaves, searched by Optuna and read as a report.

The way of a study: ``define`` reads its file, ``keep`` holds its trials, ``work`` runs them,
``confirm`` trains the best again and scores them on test, ``analyses`` find what the trials say,
``page`` shows it. Each knows those before it alone.
"""
