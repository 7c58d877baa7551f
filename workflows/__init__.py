"""When: the follow-up as one readable loop."""
