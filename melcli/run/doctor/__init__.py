"""`melcli doctor`: whether the libraries, the machine and OUT's file system can keep what melcli promises."""
