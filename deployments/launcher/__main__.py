"""Entry point of `python -m deployments.launcher`."""

import sys

from deployments.launcher.main import main

sys.exit(main())
