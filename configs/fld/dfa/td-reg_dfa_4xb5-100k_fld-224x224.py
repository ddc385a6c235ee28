_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_100k.py', '../../_base_/models/dfa.py',
    '../../_base_/datasets/fld-reg_224x224.py'
]
model = dict(head=dict(num_joints=8, decoder=_base_.codec))
