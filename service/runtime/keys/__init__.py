"""Keys as operators make them, in a file or in the database that services share."""
