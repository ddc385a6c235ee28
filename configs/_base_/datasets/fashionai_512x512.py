# The paper's split of the FashionAI training set, by its rule; the whole image is the crop.
_base_ = 'crop_512x512.py'
dataset_type = 'FashionAIDataset'
data_root = '{{$FASHIONAI_ROOT:data/fashionai}}'
# FASHIONAI_CSVS names other files than the competition's, below the root and with commas between.
ann_file = [path.strip() for path in '{{$FASHIONAI_CSVS:,}}'.split(',') if path.strip()] or [  # noqa: SIM905
    'warm_up_train_20180222/Annotations/annotations.csv', 'fashionAI_key_points_train_20180227/Annotations/train.csv'
]

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, ann_file=ann_file, subset='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, ann_file=ann_file, subset='val'))
test_dataloader = val_dataloader
val_evaluator = dict(type='NormalizedError', norm='keypoint_pair')
test_evaluator = val_evaluator
