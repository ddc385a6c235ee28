_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_100k_localizers.py',
    '../../_base_/models/dlan.py', '../../_base_/datasets/deepfashion-reg_512x512.py'
]
# The crop is the box, as for the other models.
model = dict(head=dict(num_joints=8, decoder=_base_.codec))
