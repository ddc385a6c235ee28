"""``python -m pcloss_mmpose.cli``: the console command, where a script's folder is not on the path."""

from . import main

if __name__ == '__main__':
    main()
