"""A fuzzer over everything that melcli reads and did not write itself.

`targets` has one function for each way in; `__main__` drives them by atheris, and `test_targets` by hypothesis in every
test run.  What is kept of the inputs stands in `corpus/`, whose README says how it is made.
"""
