# RTMPose's head and codec.
_base_ = 'garments_96x96.py'
simcc = dict(type='SimCCLabel', input_size=(96, 96), sigma=(2.4, 2.4), simcc_split_ratio=2.0, normalize=False,
             use_dark=False)
train_dataloader = dict(dataset=dict(pipeline=[
    *_base_.train_pipeline[:-1], dict(type='GenerateTarget', encoder=simcc), _base_.train_pipeline[-1]]))
model = dict(
    data_preprocessor=dict(batch_augments=None),
    head=dict(
        _delete_=True,
        type='PCRTMCCHead',
        in_channels=320,
        out_channels=24,
        input_size=(96, 96),
        in_featuremap_size=(3, 3),
        simcc_split_ratio=2.0,
        final_layer_kernel_size=3,
        gau_cfg=dict(hidden_dims=256, s=128, expansion_factor=2, dropout_rate=0., drop_path=0., act_fn='SiLU',
                     use_rel_bias=False, pos_enc=False),
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10., label_softmax=True),
        decoder=simcc,
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=1e-3)))
