"""Parts of ``benchmarks/capacity_plan.py``: what is measured, the simulation that it feeds, and what follows."""
