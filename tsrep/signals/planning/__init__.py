"""What :mod:`tsrep.signals.convert` decides in turn: channels, unit, rate and filters, windows."""
