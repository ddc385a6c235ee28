# The paper gives neither k nor beta for COCO; we take FashionAI's.
_base_ = 'fashionai.py'
pc_loss = dict(metainfo='CocoDataset')
