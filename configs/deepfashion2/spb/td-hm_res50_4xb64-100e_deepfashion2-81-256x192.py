# Without pc_loss the head is the stock one; its accuracy of all landmarks is computed where it is logged.
_base_ = ['../../_base_/datasets/deepfashion2-81_256x192.py', '../../_base_/models/spb_res50.py',
          '../../_base_/schedules/adam_100e.py']
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
    head=dict(type='PCHeatmapHead', out_channels=81, decoder=_base_.codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True))
