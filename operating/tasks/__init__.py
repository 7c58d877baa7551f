"""What needs a person, and what a person says of it."""
