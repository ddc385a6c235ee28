# Targets that are not rounded to the heatmap's pixels.
_base_ = 'garments_96x96.py'
udp = dict(type='UDPHeatmap', input_size=(96, 96), heatmap_size=(24, 24), sigma=1.5)
train_dataloader = dict(dataset=dict(pipeline=[
    *_base_.train_pipeline[:-1], dict(type='GenerateTarget', encoder=udp), _base_.train_pipeline[-1]]))
model = dict(data_preprocessor=dict(batch_augments=None), head=dict(decoder=udp))
