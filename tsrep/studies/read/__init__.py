"""What the trials of a study say, in numbers."""
