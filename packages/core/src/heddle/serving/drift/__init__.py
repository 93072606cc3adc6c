"""Drift: whether what a server is asked, and what it says, is still as it was in training.

`bins` are of one column, `values` are what is put into them, `summary` is of training, `counts` of requests by day,
`report` compares both.
"""
