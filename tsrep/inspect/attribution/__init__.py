"""Which leads and moments the label of one recording rests on."""
