"""The model folder, and the backbones that networks start from."""
