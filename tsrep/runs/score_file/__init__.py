"""Scores of predictions in files, whoever made them: read, matched with the truth, scored."""
