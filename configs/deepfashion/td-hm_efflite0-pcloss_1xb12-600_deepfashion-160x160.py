_base_ = 'td-hm_efflite0_1xb12-600_deepfashion-160x160.py'
model = dict(
    head=dict(
        type='PCHeatmapHead',
        integral=dict(alpha=30.),  # ours: at 10 the background's pull outweighs a low peak
        pc_loss=dict(
            type='PCLoss', topk=4, partition='left_right', metainfo=_base_.dataset_type, loss_weight=3e-4)))
