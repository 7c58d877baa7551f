"""What shows that the promise holds, and what it costs. Nothing of the product imports it."""
