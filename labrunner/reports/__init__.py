"""Reports: each format one file, each a pure function of the result; `live` alone listens while a run goes on."""
