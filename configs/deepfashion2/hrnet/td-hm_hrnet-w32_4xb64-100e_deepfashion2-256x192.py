# Without pc_loss the head is the stock one; its accuracy of all landmarks is computed where it is logged.
_base_ = ['../../_base_/datasets/deepfashion2_256x192.py', '../../_base_/models/hrnet_w32.py',
          '../../_base_/schedules/adam_100e.py']
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
    head=dict(type='PCHeatmapHead', out_channels=294, decoder=_base_.codec))
