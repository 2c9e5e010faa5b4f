"""What runs agents' tasks: the worker's jobs, drivers, and the sandbox. No views."""
