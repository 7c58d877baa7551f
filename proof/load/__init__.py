"""Many events and many messages at a time."""
