_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_150k.py', '../../_base_/models/spb_res50.py',
    '../../_base_/datasets/deepfashion_512x512.py'
]
model = dict(head=dict(out_channels=_base_.num_landmarks, decoder=_base_.codec))
