"""Features: columns as the arrays x and codes, fitted on the values of the training period alone.

- `formulas`: what a value becomes, in plain NumPy, for tables and for single rows that are scored
- `fit`: an Encoder for a column; `vocabulary`: of categories; `texts`: hashed words, or an encoder of your own
- `write_features`: the arrays, chunk by chunk
"""
