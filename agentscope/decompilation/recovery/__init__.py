"""Programs read back out of networks that are programs in disguise, and convolutions hidden in dense layers."""
