"""What was made and how good it is: every figure of the report, and the texts that tell them.

truth.py        reference tests through the sandbox: which solutions and which tests are right
calibration.py  probabilities against what came true
figures.py      metrics.json: one flat name -> number
plots.py        what `dvc plots show` draws
summary.py      the end-of-run summary and the report page
"""
