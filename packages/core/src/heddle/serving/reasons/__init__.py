"""Reasons: which columns, neighbours and edges moved a score, so that they add up to it.

- `network`: a question's sample and model as levels of sums and products
- `sampled`: a Network of a Scorer's plan; `tasked`: of a question of a task, which is no node yet
- `integrate`: integrated gradients of a Network, exact; `trees`: Shapley values of boosted trees
- `columns`: encoded columns by the names and values of their table; `names`: of a bundle; `named`: of a sample
- `reasons`: what is reported of a score; `explain`: Reasons of rows of a bundle
- `picture`: the neighbourhood of a row, drawn with its reasons
"""
