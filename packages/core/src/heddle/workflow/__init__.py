"""The workflow that is the same for every engine: from a config to a trained run and its folder.

run.py          train, evaluate, predict; saved.py uses finished runs again; folder.py finds a place for new ones
assemble.py     dataset, task, model, engine and loader of a config; check.py: whether data and task fit
splits.py       the dataset's splits, or drawn ones
loader.py       batches of an epoch and predictions of a split: nodes.py, graphs.py, links.py, triples.py
sampler.py      sampled mini-batches: sampled_nodes.py, sampled_links.py; prefetch.py: built ahead by threads
negatives.py    false links; ranking.py: ranks of true links among false ones
trainer.py      epochs, evaluations, the best weights; progress.py: all that a run knows; settings.py: what it is told
schedule.py     learning rates; callbacks.py: what watches a run; trackers.py: where figures go
checkpoint.py   a run in its midst on disk
outcome.py      predictions beside the truth; metrics.py: figures by name (classification.py, regression.py)
processes.py    one run by several processes; worker.py: one of them
report/         one HTML file about a run; screen.py: its figures on the terminal
seeds.py        random streams
"""
