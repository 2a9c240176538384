"""Encoders of other people: networks that tsrep did not write, with a contract of what they must be shown."""
