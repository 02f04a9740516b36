"""The child process that runs the command line: started, listened to, cancelled."""
