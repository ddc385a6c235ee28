from .landmarks import draw_landmarks, heatmap_overlay, picture_grid, read_picture

__all__ = ['draw_landmarks', 'heatmap_overlay', 'picture_grid', 'read_picture']
