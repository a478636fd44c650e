"""`python -m deployments.launcher`: the whole service on this machine."""

import sys

from deployments.launcher.main import main

sys.exit(main())
