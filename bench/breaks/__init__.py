"""The guards that keep a message from being sent twice, each with a way to break it and a test that must then fail."""
