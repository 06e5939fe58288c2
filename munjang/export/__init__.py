"""A model as an ONNX graph, for prediction without torch."""
