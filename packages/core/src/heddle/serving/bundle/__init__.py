"""A bundle: a trained run as one folder that scores rows, without a framework.

- `layout`: bundle.json; `export`: of a run; `model`: its Scorer
- `bundle`: a bundle as what answers: rows in, scores out; `offline`: the same for rows of a prepared folder
"""
