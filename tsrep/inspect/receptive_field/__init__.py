"""The empirical receptive field of a run: numbers first, then figures."""
