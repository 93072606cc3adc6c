"""Sums over relations, each taken in the way that costs least: `y[t] = x[t] W_0 + b + sum over r of A_r x[s] W_r`.

ways        the ways to take a sum, by name
cost        what each way costs, from sizes alone
plan        the choice for each relation
bundle      relations that go one way, as arrays
prepare     bundles of a graph, in numpy, once
conv        the formula on any engine's arrays
table       the plan as rows to read
"""
