"""How the demonstration model is made: synthetic cases painted from phantoms and label maps, one run a stage."""
