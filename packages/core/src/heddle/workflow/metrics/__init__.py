"""Metrics: what a task's outputs are evaluated by.

by_name.py         a metric by its name, and which way is better
classification.py  classes and labels; regression.py: real values; horizons.py: forecasts, step by step
ranking.py         ranks among candidates
predictions.py     Predictions: answers beside the truth, and the metrics that follow
link_baselines.py  trivial rules for links; comparison.py: whether a model beats them
"""
