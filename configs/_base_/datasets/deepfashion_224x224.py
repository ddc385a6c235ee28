# DeepFashion at VGG's own input size, with heatmaps of an eighth of it (FGN). Targets are centered on cells, from which
# a landmark lies 0.38 cells away on average: even from perfect heatmaps, NE is 0.38 / 28 = 1.4 %.
_base_ = 'deepfashion_512x512.py'
codec = dict(input_size=(224, 224), heatmap_size=(28, 28), sigma=1)

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
