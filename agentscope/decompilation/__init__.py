"""Decompilation: an integer network becomes the text of a program that equals it, node by node."""
