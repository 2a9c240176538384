"""Numbers first, figures from the numbers: training curves, class curves, embedding maps, recordings.

A module per kind of number (``curves``, ``roc``, ``confusion``, ``projection``) and per figure
(``draw_*``); figures come as ``matplotlib`` figures and share the look in ``style``.
"""
