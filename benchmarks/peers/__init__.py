"""Credence and other servers of the same network, side by side over HTTP."""
