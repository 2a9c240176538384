"""Programs that keep and show the numbers of trainings: one module each, imported when it is asked for."""
