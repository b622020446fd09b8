"""Work that goes on after its request was answered: in this process alone, or known to all that share a database."""
