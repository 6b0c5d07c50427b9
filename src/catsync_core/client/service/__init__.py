"""The agent as a service of the user, on each system in its own way."""
