"""What a page is told while it is open: events of tasks and states of agents, as they come."""
