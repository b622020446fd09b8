"""The base of every predictive model: distributions over functions, and statistics of their draws."""
