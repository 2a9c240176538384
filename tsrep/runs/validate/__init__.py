"""Encoders on data sets that their heads were not fitted on: training cohorts by test cohorts."""
