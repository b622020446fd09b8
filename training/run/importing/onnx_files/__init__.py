"""Networks that come as an ONNX file: the file's own graph, made one of pairs without torch."""
