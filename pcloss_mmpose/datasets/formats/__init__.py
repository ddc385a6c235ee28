"""The official raw files and COCO JSON: text to arrays and back. Nothing here knows of MMPose's data sets."""
