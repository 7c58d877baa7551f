"""What comes in from the app: files read and checked, leads enrolled."""
