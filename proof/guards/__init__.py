"""Guards, each broken in a copy of the checkout, with the test that must fail for it."""
