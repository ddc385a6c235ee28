from .integral_heatmap import IntegralHeatmap

__all__ = ['IntegralHeatmap']
