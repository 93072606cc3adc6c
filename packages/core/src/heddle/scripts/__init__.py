"""Scripts: a few lines from a graph and a module to metrics, embeddings, boosted trees and a server.

trainer.py       Trainer, Workflow, OptWrapper; training.py: what they are to the workflow
data_objects.py  NodeDataObject, EdgeDataObject, LPDataObject, GraphDataObject: what is asked, how splits are drawn
graphs.py        the loader of a GraphDataObject
metadata.py      MetaLoader: what a graph is made of; sources.py: what it asks of one on disk (folder_source.py) or in
                 memory (dataset_source.py)
scores.py        metrics that a script hands over
downstream.py    embeddings, boosted trees and a server after training
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
