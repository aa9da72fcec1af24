"""Benchmarks by subject; `python -m hack.bench` lists them.

Each module in a subject's folder is one benchmark with a function `main(parser, arguments)`, which measures,
prints and returns the exit status. What benchmarks of one subject share lies in a folder below.
"""
