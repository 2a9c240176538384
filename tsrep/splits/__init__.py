"""Rules that divide recordings by patient or a series in time, and the leak checks of every division."""
