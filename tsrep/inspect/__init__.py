"""Numbers first, figures from the numbers.

``figures`` has the look of every figure and those of scores, classes, forecasts, embeddings and recordings;
``receptive_field`` and ``views`` look into a finished run; ``curves`` reads its log.
"""
