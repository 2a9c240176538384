"""Where a study is kept: storages, the folder on this machine, and the tickets of its budget."""
