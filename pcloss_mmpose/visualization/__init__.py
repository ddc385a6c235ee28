from .landmarks import draw_grid, draw_heatmaps, draw_landmarks, read_image

__all__ = ['draw_grid', 'draw_heatmaps', 'draw_landmarks', 'read_image']
