"""What a person may ask for: to see what is known, and to be forgotten."""
