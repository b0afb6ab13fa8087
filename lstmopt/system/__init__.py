"""What the operating system gives: files, locks, signals, memory, the machine."""
