"""Whole modules of PyTorch as graphs: Sequentials by their attributes, others by torch.export or torch.fx."""
