"""`python -m lucid.recipes`: the `lucid` command where scripts are not on the path."""

import sys

from lucid.recipes.cli import main

sys.exit(main())
