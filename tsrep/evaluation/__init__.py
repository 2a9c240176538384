"""Scores of frozen encoders and predictions on patients never seen, with intervals over patients.

``embedding`` turns a panel into features, ``protocol`` evaluates features of many methods beside their
controls, ``scoring`` scores predictions from elsewhere (fine-tuning), ``scores`` is what comes out.
Import from the modules: those that read scores do not load torch.
"""
