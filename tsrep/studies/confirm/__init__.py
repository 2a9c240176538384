"""The best of a study trained again from fresh seeds and scored on the test part."""
