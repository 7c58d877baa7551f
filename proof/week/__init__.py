"""A week of simulated time, and whether each message is within its window."""
