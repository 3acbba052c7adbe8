"""What a (solution, test) costs in the sandbox, next to what it costs without any isolation.

    python -m benchmarks.execution [FILE] [--json OUT] [--truth] [--soak CALLS]

FILE: a Parquet file with task_id, entry_point, prompt, solutions, tests a row; or a run's outputs/ directory;
without it, made-up code. Figures are CPU microseconds of the whole process tree a (solution, test), with
evaluation of expected values and comparison; `limit` is the same work by plain exec in one process, compiling
included, measured in the same run. --truth compares verdicts with a fresh process a test instead; --soak runs
so many calls and tells whether memory stays flat and anything is left behind.
"""
