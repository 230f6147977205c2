"""What runs services: each runtime a package that satisfies `labrunner.ports.Runtime`."""
