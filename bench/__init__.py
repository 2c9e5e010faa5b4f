"""How fast the console is with its tenancy on: `python -m bench`, see RESULTS.md."""
