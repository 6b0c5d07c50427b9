"""The built-in plugins. They use the same hooks as anyone's."""
