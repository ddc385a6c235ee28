"""One file that a labelling tool has exported, of either form."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import FileFormatError
from ..text import decode
from .exports import Export, read_coco
from .label_studio import read_tasks


def read_export(path: Path) -> Export:
    """Read a file of either form.

    Raises:
        FileFormatError: It is neither, or a part of it is faulty; the message names file, entry and field.
        OSError: It cannot be read.
    """
    try:
        content = json.loads(decode(str(path), path.read_bytes()))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError.at(str(path), f'no JSON ({error})', 'Export it again.') from None
    if isinstance(content, list):
        return read_tasks(str(path), content)
    if isinstance(content, dict) and 'annotations' in content:
        return read_coco(str(path), content)
    raise FileFormatError.at(str(path), 'neither COCO keypoint JSON nor the JSON of Label Studio',
                             "CVAT: export 'COCO Keypoints 1.0'. Label Studio: export 'JSON'.")
