"""Untrusted code -> observations. README.md beside this file is the threat model.

The parent's side:  `sandbox.Sandbox` (open, execute, evaluate, equal, run_worker), `jobs` (what goes in and
comes out), `statuses` (the closed vocabulary), `params` (the section of params.yaml).
The other side:     `inside` runs within the isolation and imports nothing but the standard library.

This file imports nothing: the sandboxed Python loads it on its way to `inside`.
"""
