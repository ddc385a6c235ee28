# Heatmaps. The pipeline makes none, since 294 are 3.6 MB an image: the leaf's HeatmapTargets makes them where the model
# trains, the same ones.
_base_ = 'deepfashion2-crop_256x192.py'
codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
