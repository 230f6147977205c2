"""labrunner: labs that teach backend engineering by doing, judged by checks that are proved right."""

__version__ = "0.1.0"
