"""What follow-ups are and why: list, show, why, stats, doctor."""
