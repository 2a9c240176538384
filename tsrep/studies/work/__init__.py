"""How trials are run: workers that live or die, what they train, and how it is judged on validation."""
