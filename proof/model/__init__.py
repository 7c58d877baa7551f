"""The claim protocol, played in every order by spin."""
