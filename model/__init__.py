"""The claim protocol as a model, searched by spin: every order of what may happen, and each guard left out."""
