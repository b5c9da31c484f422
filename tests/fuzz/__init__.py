"""Fuzzing: a target for each reader, a corpus for each target, and what runs them.

`python -m tests.fuzz TARGET --runs 200000` is guided by coverage where atheris is installed (group `fuzz`);
test_fuzz.py runs the corpus and a few seconds of generated inputs with every run of the tests. A new reader
has its function in targets.py and a folder in corpus/.
"""
