"""HTTP: the server, the application, and one module an endpoint, each with its own router."""
