# FGN on photographs with targets that are not rounded to the heatmap's cells, an eighth of the input.
_base_ = '../../configs/deepfashion/fgn/td-hm_fgn_4xb5-100k_deepfashion-224x224.py'
udp = dict(type='UDPHeatmap', input_size=(224, 224), heatmap_size=(28, 28), sigma=1.)
train_dataloader = dict(dataset=dict(pipeline=[
    *_base_.train_pipeline[:-1], dict(type='GenerateTarget', encoder=udp), _base_.train_pipeline[-1]]))
model = dict(data_preprocessor=dict(batch_augments=None), head=dict(decoder=udp))
