"""A model as an ONNX graph: it answers without torch."""
