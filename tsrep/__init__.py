"""tsrep: a time-series and biosignal representation workbench."""
