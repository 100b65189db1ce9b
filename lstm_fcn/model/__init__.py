"""What a model is: its hyperparameters, its network, and the file that holds both.

Read `config` (the hyperparameters), `network` (the LSTM-FCN), `header` (what a model file says) and `file` (reading
and writing one). `pretrained/` holds the models that ship; `provenance` writes a header; `device` chooses where to
compute; `search_space` says what a search may try.
"""
