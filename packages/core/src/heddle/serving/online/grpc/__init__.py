"""gRPC: `door` answers a message of the Open Inference Protocol as the same HTTP request; `messages` are its types."""
