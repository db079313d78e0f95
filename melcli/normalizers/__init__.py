"""Mean and standard deviation of features, from files of melcli, NumPy, Kaldi, ESPnet, WeNet and FunASR."""
