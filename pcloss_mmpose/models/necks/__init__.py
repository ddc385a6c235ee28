from .finest_fpn import FinestFPN

__all__ = ['FinestFPN']
