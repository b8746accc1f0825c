"""What crosses a process border: messages, records and views."""
