"""Training of forecasts (learners.py) and of links in time (links.py)."""
