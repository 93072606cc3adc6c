"""The product: model x question x sampler x features x types x devices, drawn so that all pairs occur.

covering.py     few rows in which all pairs, or triples, of levels occur
combination.py  the factors and their levels; which combinations are refused, by which words
data.py         small data with every kind of input and a probe, by a reader
registry.py     the installed models, the product's data and the engine that is proved
prove.py        two epochs, predictions, resuming; inputs used or named; nothing newer; one device or two
processes.py    the combinations that two processes train together
draw.py         what is proved of an engine, and what has to be refused
__main__.py     python -m heddle.testing.products --backend NAME: proves, and prints the count
"""
