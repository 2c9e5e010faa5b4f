"""What drives a task: a command in the sandbox, or a language model with tools."""
