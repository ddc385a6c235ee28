from .grid import draw_grid
from .landmarks import Look, draw_heatmaps, draw_landmarks
from .legend import entries, with_legend
from .scored import draw_scored

__all__ = ['Look', 'draw_grid', 'draw_heatmaps', 'draw_landmarks', 'draw_scored', 'entries', 'with_legend']
