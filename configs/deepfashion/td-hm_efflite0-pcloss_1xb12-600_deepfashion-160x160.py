_base_ = 'td-hm_efflite0_1xb12-600_deepfashion-160x160.py'
model = dict(
    head=dict(
        type='PCHeatmapHead',
        integral=dict(alpha=10.),
        pc_loss=dict(
            type='PCLoss', topk=4, partition='left_right', metainfo=_base_.dataset_type, loss_weight=1.6e-5)))
