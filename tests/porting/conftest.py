"""The scripts import torch; `test_porting.py` reads them."""

collect_ignore = ["denoiser.py", "keyword_spotter.py", "vocoder.py"]
