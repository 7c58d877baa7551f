"""The guards of the promise and of the HTTP door, each with a way to break it and a test that must then fail."""
