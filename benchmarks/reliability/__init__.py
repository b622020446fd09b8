"""Proofs of what the service promises under attack, each with a planted fault that it must notice."""
