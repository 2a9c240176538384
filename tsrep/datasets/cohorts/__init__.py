"""Several data sets in one run: one signal contract, one list of classes, names that tell them apart."""
