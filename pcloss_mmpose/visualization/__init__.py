from .landmarks import draw_landmarks, heatmap_overlay, picture_grid

__all__ = ['draw_landmarks', 'heatmap_overlay', 'picture_grid']
