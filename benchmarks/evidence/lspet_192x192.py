# The same at twice the resolution.
_base_ = 'lspet_96x96.py'
codec = dict(type='MSRAHeatmap', input_size=(192, 192), heatmap_size=(48, 48), sigma=2)
train_dataloader = dict(dataset=dict(pipeline=[
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step
    for step in _base_.train_pipeline]))
val_dataloader = dict(dataset=dict(pipeline=[
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step
    for step in _base_.val_pipeline]))
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=codec)]),
    head=dict(decoder=codec))
