"""What is done with a fleet: every change, for pages and the REST API alike, with its audit row."""
