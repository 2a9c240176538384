"""What is searched: ranges, spaces, study files, and the check of all of them before the first trial."""
