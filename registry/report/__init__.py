"""The model card, and the report on a fleet, as HTML files that need nothing else: for phone, desk and print."""

NAME = "report.html"
