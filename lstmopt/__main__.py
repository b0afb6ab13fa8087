"""``python -m lstmopt`` is the command ``lstmopt``."""

from lstmopt.cli.main import main

main()
