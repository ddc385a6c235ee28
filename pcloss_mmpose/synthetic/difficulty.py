"""How unkind a picture is: what looks like the garment and is not."""

from __future__ import annotations

from typing import NamedTuple

from .shapes import SMALLEST


class Difficulty(NamedTuple):
    """Shares of pictures, from 0 to 1, that have something; and how small a garment may be."""

    crossed_limbs: float  #: folded sleeves or crossed legs
    weak_outline: float  #: a garment whose colour is close to what lies behind it
    background: tuple[float, float, float]  #: a studio, a room, clutter; one of the three
    others: tuple[float, float, float]  #: no, one or two other garments cut off by the picture's edge
    stray_piece: float  #: a second sleeve, leg or body of the same cloth
    smallest: float  #: no share: the garment's diagonal over the picture's shorter side is never less


#: ``'ordinary'`` is a shop's photograph; ``'hard'`` is as unkind as a photograph can be, and for measuring losses.
DIFFICULTIES = {
    'ordinary': Difficulty(crossed_limbs=0.03, weak_outline=0.08, background=(0.6, 0.3, 0.1), others=(0.9, 0.1, 0.),
                           stray_piece=0., smallest=1.),
    'hard': Difficulty(crossed_limbs=0.15, weak_outline=0.3, background=(0.3, 0.25, 0.45), others=(0.55, 0.3, 0.15),
                       stray_piece=0.3, smallest=SMALLEST),
}
