"""Compares lucid with PyTorch on the sample inputs that PyTorch tests itself with.

python -m tests.parity exp nn.functional.conv1d    # says what fails and why
python -m tests.parity --list                      # which entries lucid offers
python -m tests.parity                             # walks all, writes RESULTS.md
python -m tests.parity --check                     # fails where RESULTS.md is out of date
"""
