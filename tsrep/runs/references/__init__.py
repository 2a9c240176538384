"""What may name an encoder; one file for each kind of reference."""
