"""The list of addresses and domains that nothing is sent to."""
