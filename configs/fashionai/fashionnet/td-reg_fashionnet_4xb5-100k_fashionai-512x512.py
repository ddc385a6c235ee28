_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_100k.py', '../../_base_/models/fashionnet.py',
    '../../_base_/datasets/fashionai-reg_512x512.py'
]
model = dict(head=dict(num_joints=24, decoder=_base_.codec))
