"""An encoder as files that run without tsrep: features, and predictors from raw windows to probabilities."""
