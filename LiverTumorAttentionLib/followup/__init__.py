"""Two time points: lesions matched one to one, changes of their sizes, and response by RECIST 1.1 and mRECIST."""
