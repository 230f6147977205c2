"""What flows through the program: frozen dataclasses, no behaviour beyond derived values, no imports but the standard library."""
