"""Packs and labs: where they lie (`packs`), what a manifest says (`manifest`), and what digest they have (`digest`)."""
