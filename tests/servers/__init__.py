"""Real servers for tests and for the demo; only the standard library is needed."""
