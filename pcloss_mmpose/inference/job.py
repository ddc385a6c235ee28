"""A job: one model over many garments, on any number of processes, with its results in one folder."""

from __future__ import annotations

import contextlib
import csv
import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from mmpose.apis import init_model
from mmpose.models import TopdownPoseEstimator
from torch.utils.data import DataLoader

from ..configs import config_errors, load_config
from ..errors import BrokenImageError, InputError
from ..files import at_once, write_at_once
from ..metainfo import as_known, category_names, declared_categories, known_categories, landmark_names
from ..visualization import Look
from ..visualization.text import drawable
from .drawings import Style, draw_prediction, drawing_names, in_threads
from .items import Item
from .journal import RESULT, Journal
from .outputs import coco_results, csv_rows
from .predictor import ImageDataset, choose_device, load_model, predict


class Job:
    """One process's part of a job.

    Args:
        config: File of the model's config.
        checkpoint: Path or address.
        items: All garments of the job, the same for every process.
        out: Folder of the results. What another start has left there is gone on with.
        all_landmarks: Of every garment; else those of its category, where they are known.
        draw: Write drawings as well. Those that another start has made stay as they are.
        device: By default as :func:`choose_device` says.
        rank, world: Number of this process, and of all.
        style: Of the drawings.

    Raises:
        InputError: The config or the checkpoint cannot be used, there is no such device, or the folder holds the
            predictions of another model.
    """

    def __init__(self, config: str | Path, checkpoint: str, items: Sequence[Item], out: Path,
                 all_landmarks: bool = False, draw: bool = False, device: str | None = None, rank: int = 0,
                 world: int = 1, style: Style | None = None) -> None:
        settings = load_config(config)
        self.pipeline = crop_pipeline(settings, config)
        with config_errors(config):
            self.model = load_model(init_model, settings, checkpoint, choose_device(device))
        if not isinstance(self.model, TopdownPoseEstimator):
            raise InputError(f'{config}: its model is a {type(self.model).__name__}, and no TopdownPoseEstimator')
        metainfo = self.model.dataset_meta
        look_up = known_categories if any(item.category for item in items) else declared_categories
        known = look_up(settings, metainfo)
        items = [item._replace(category=as_known(item.category, known)) for item in items]
        self.items, self.out, self.names = items, out, landmark_names(metainfo)
        first = {item.category: item for item in reversed(items) if item.category}
        classes = category_names(metainfo) or dict(enumerate(known, 1))
        self.category_ids = {name: number for number, name in classes.items()}
        #: Landmark ids of each category whose garments get its own alone.
        self.own = {} if all_landmarks else {name: known[name] for name in first if name in known}
        #: Names of the categories whose landmarks are known.
        self.known = list(known)
        #: What the user should know before the predictions.
        self.warnings = [] if all_landmarks else [
            unknown_category(item, known) for name, item in first.items() if name not in known]

        self.journal = Journal(out, self._identity(settings.model, checkpoint, first), rank, world)
        self._done = self.journal.done()
        self.drawings = {key: out / 'pictures' / name for key, name in drawing_names(items).items()} if draw else {}
        self.look, self.style = Look.of(metainfo), style or Style()
        if draw and self.style.names and drawable(self.names)[1]:
            self.warnings.append(drawable(self.names)[1])
        there = sum(path.is_file() for path in self.drawings.values())
        if there:
            self.warnings.append(f'{there} of {len(items)} pictures are there already and stay as they are: remove '
                                 f"{out / 'pictures'} to draw them anew")
        #: Garments of this process, and those of them that are left.
        self.share = items[rank::world]
        self.left = [item for item in self.share if item.key not in self._done
                     or (draw and not self.drawings[item.key].is_file())]

    def _identity(self, model: Mapping, checkpoint: str, categories: Iterable[str]) -> dict[str, str]:
        """All that decides predictions: hashes of the config and of the checkpoint, and each category's landmarks.

        A checkpoint that is not on this machine goes by its address.
        """
        metainfo = self.model.dataset_meta
        settings = [model, self.pipeline, metainfo['keypoint_id2name'], metainfo['flip_indices']]
        content = json.dumps(settings, sort_keys=True, default=str).encode()
        weights = Path(checkpoint).read_bytes() if Path(checkpoint).is_file() else checkpoint.encode()
        every = range(len(self.names))
        return dict(config=sha256(content).hexdigest(), checkpoint=sha256(weights).hexdigest(), **{
            f"landmarks of '{name}'": ', '.join(self.names[k] for k in self.own.get(name, every))
            for name in sorted(categories)})

    def run(self, batch_size: int, workers: int) -> Iterator[int]:
        """Predict what is left of this process's share; after each batch its number of garments.

        Args:
            batch_size: Garments that go through the model at once.
            workers: Processes that load images, and threads that draw them; 0: this one does everything.
        """
        dataset = ImageDataset(self.left, self.pipeline, self.model.dataset_meta)
        loader = DataLoader(dataset, batch_size, num_workers=min(workers, len(self.left)), collate_fn=list)
        found = predict(self.model, loader, self.names, self.own)
        if self.drawings:
            pairs = ([(entry['item'], record) for entry, record in zip(*batch)] for batch in found)
            batches = in_threads(partial(self._drawn, dataset), pairs, workers)
        else:
            batches = (records for _, records in found)
        with contextlib.closing(batches):
            for records in batches:
                self.journal.append(record for record in records if record['key'] not in self._done)
                yield len(records)

    def _drawn(self, dataset: ImageDataset, item: Item, record: dict) -> dict:
        """A record, after it was drawn, or one of an error if its image cannot be read again.

        Workers hand over crops alone: whole images would pile up, several batches of them.
        """
        if 'error' in record:
            return record
        try:
            image = dataset.image(item)
        except BrokenImageError as error:
            return dict(key=item.key, image=item.image, error=error.reason)
        draw_prediction(self.drawings[item.key], image, record['landmarks'], self.look, record['box'], self.style)
        return record

    def finish(self) -> Path | None:
        """Write the predictions of all processes in the order of the items; None while any is missing."""
        return self.out / RESULT if self.journal.finish([item.key for item in self.items]) else None

    def broken(self) -> list[dict]:
        """Records of the garments without a prediction, after :meth:`finish`."""
        return [record for record in self.journal.records() if 'error' in record]

    def write_coco(self) -> None:
        """Write ``coco_results.json``, after :meth:`finish`."""
        results = list(coco_results(self.items, self.journal.records(), self.names, self.category_ids))
        write_at_once(self.out / 'coco_results.json', json.dumps(results))

    def write_csv(self) -> None:
        """Write ``predictions.csv``, after :meth:`finish`."""
        with at_once(self.out / 'predictions.csv') as part, part.open('w', newline='', encoding='utf-8') as file:
            csv.writer(file, lineterminator='\n').writerows(csv_rows(self.journal.records(), self.names))


def crop_pipeline(config: Mapping[str, Any], name: str | Path) -> Sequence[Mapping]:
    """Transforms of the config's test data.

    Raises:
        InputError: It has none.
    """
    try:
        return config['test_dataloader']['dataset']['pipeline']
    except (KeyError, TypeError):
        raise InputError(f'{name}: it has no test_dataloader with a pipeline, which says how images are cropped'
                         ) from None


def unknown_category(item: Item, known: Mapping[str, Sequence[int]]) -> str:
    """The warning of an item's category that is not among the known ones."""
    others = f'known are those of {", ".join(known)}' if known else "the model's data have no categories"
    return (f"{item.place or item.image}: the landmarks of the category '{item.category}' are not known ({others}), so "
            'that its garments get all')
