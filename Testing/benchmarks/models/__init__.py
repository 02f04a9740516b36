"""Models of nnU-Net in LiverTumorAttention beside nnU-Net's own predictor: agreement, time, memory."""
