"""Networks that others have written, taken apart into a graph and the draws that go into it."""
