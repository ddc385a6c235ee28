from .landmarks import draw_landmarks, picture_grid

__all__ = ['draw_landmarks', 'picture_grid']
