"""The model card as one HTML file that needs nothing else: for the phone, for print, and beside the run in MLflow."""

NAME = "report.html"
