from .landmarks import draw_grid, draw_heatmaps, draw_landmarks

__all__ = ['draw_grid', 'draw_heatmaps', 'draw_landmarks']
