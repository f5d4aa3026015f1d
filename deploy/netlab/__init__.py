"""netlab: coretrackd between two hosts on one machine, made of network namespaces.

Used by the demonstration (deploy/run) and by the end-to-end test (tests/e2e). Python's standard library only.
"""
