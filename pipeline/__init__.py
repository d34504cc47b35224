"""What you type: the command line and the stages that it runs."""
