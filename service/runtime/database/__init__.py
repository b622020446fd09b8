"""The database that outcomes, jobs and keys share: its address, its schema, and the threads that speak to it."""
