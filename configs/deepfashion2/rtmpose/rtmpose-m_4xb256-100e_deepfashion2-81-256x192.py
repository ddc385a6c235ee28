# Without pc_loss the head is the stock one; its accuracy of all landmarks is computed where it is logged.
_base_ = ['../../_base_/datasets/deepfashion2-81-simcc_256x192.py', '../../_base_/models/rtmpose-m_256x192.py',
          '../../_base_/schedules/rtmpose_100e.py']
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='SimCCTargets', encoder=_base_.codec)]),
    head=dict(type='PCRTMCCHead', out_channels=81, decoder=_base_.codec))
