"""Predictions for new recordings by an encoder and a head that was kept with it."""
