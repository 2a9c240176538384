"""sktime estimators over the same encoders and objectives."""
