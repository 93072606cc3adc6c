"""The workflow that is the same for every engine: from a configuration to a trained run and its folder.

run.py         train, evaluate, predict; saved.py uses finished runs again; folder.py finds a place for new ones
assemble.py    dataset, task, model, engine and loader of a configuration; check.py: whether data and task fit
trainer.py     epochs, evaluations, the best weights; progress.py: all that a run knows; settings.py: its options
schedule.py    learning rates; callbacks.py: what watches a run; trackers.py: where metrics go
checkpoint.py  a run on disk before its end; artifacts.py: the files of a run's folder
embeddings.py  embeddings on disk
bench.py       variants of one run in one process
console.py     metrics on the terminal
options.py     the nodes `run`, `trainer` and `sampler`
loaders/       batches of an epoch, by what is asked
metrics/       metrics by name, predictions beside the truth, baselines
launch/        one run by several processes
report/        one HTML file about a run
boost/         boosted trees on tables with embeddings
"""
