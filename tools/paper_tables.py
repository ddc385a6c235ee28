"""`python -m reproduce tables`, from wherever it is started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from reproduce.__main__ import main  # noqa: E402

if __name__ == '__main__':
    main(['tables', *sys.argv[1:]])
