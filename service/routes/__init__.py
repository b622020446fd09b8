"""One file for each group of routes. Handlers validate, submit and shape the answer; they never compute."""
