"""Workers for tests: processes that take jobs from the test database, and jobs to try them with."""
