"""A run that starts from weights of another encoder."""
