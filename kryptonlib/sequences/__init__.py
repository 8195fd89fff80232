"""Networks for sequences, from scratch (notebook 15): cells, tasks, back-propagation through time, characters, video.

``cells`` has one step of the plain recurrent network, the LSTM and the GRU; ``tasks`` the five shapes of sequence
tasks; ``truncated`` back-propagation through time, by hand and truncated; ``memory`` how gradients vanish and explode;
``characters`` a model of text, ``numpy_text`` the text, ``textgenrnn`` one that others trained; ``video`` moving
digits.
"""
