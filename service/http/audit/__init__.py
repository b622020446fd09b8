"""The audit as requests see it: what a handler notes of an answer, and the middleware that makes a line of it."""
