"""Local preview vectors: they know colours, light and words, and nothing of what is to be seen. No model is asked.

Pictures and texts lie in one space, so that either finds the other by its colours and its light; texts find each other by their
words as well. The same input gives the same vector on every machine. `vectors` makes them, and loads OpenCV.
"""

from darkroom_worker.local_bedrock.embedding.items import PREVIEW, Item, token_count

__all__ = ["PREVIEW", "Item", "token_count"]
