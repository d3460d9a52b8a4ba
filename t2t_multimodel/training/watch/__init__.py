"""What people see of a training: its lines, and the events of TensorBoard."""
