"""The mail that is sent: templates rendered, bytes frozen."""
