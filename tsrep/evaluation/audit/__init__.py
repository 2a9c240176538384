"""What representations tell of people besides their labels."""
