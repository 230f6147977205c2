"""Pure functions: no file, clock, process or network is touched here."""
