"""Models: networks, posteriors over them, generators, and the statistics of their draws.

This package knows torch and mathematics. It knows no HTTP, no data sets and no metrics server.
"""
