"""Train a model: MMPose's own tools/train.py and its arguments, with this package's components registered."""

# At the top, so that worker processes that import this file anew have the components too.
import mmpose_tool

if __name__ == '__main__':
    mmpose_tool.run('train.py')
